import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { ClientAddresses } from '../http/client-address.ts';
import { TurnWriter } from './outbox.ts';
import type { Connection, Session } from './session.ts';
import { EngineWire, cutTransport, type EngineConnection } from './socket-io-internals.ts';

const CHECK_MS = 1_000;

interface Watched {
  connection: Connection;
  /** Since when it has no session, in milliseconds; undefined while it has one. */
  idleSince: number | undefined;
}

/**
 * Every network connection of Socket.IO, from its handshake on, whoever is on it or nobody. It ends those that nobody answers for: who
 * joins no namespace or has left all, and who does not read. The libraries write too (a refused CONNECT, an answer to a ping), and their
 * own ends wait for a peer that reads; so all are looked at, and not only when something of ours is written.
 */
@Injectable()
export class NetworkConnections implements OnModuleDestroy {
  readonly #open = new Map<EngineConnection, Watched>();
  readonly #timer = setInterval(() => this.#check(), CHECK_MS);

  constructor(
    private readonly addresses: ClientAddresses,
    private readonly writer: TurnWriter,
  ) {}

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** A connection, watched from the first call on. */
  of(engine: EngineConnection): Connection {
    const known = this.#open.get(engine);
    if (known) return known.connection;
    const connection = {
      outbox: this.writer.open(new EngineWire(engine)),
      ip: this.addresses.of(engine.request),
      sessions: new Set<Session>(),
    };
    // It may have closed while a CONNECT was looked at: then nothing would take it out again.
    if (engine.readyState === 'closed') return connection;
    this.#open.set(engine, { connection, idleSince: Date.now() });
    engine.once('close', () => this.#open.delete(engine));
    return connection;
  }

  #check(): void {
    const now = Date.now();
    for (const [engine, watched] of this.#open) {
      const { sessions, outbox } = watched.connection;
      watched.idleSince = sessions.size > 0 ? undefined : (watched.idleSince ?? now);
      if (watched.idleSince !== undefined && now - watched.idleSince >= LIMITS.connectTimeoutMs) cutTransport(engine);
      else this.writer.cutIfBehind(outbox);
    }
  }
}
