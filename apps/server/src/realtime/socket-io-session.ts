import type { Socket } from 'socket.io';
import type { Failure } from '../errors.ts';
import { errorBody } from './error-body.ts';
import { ackPacket, eventPacket } from './frame.ts';
import { carriedIn } from './namespaces.ts';
import { BATCH, EventBatch, batchItem } from './event-batch.ts';
import { Session } from './session.ts';
import { connectionOf } from './socket-io-internals.ts';

type Fields = Omit<ConstructorParameters<typeof Session>[0], 'id' | 'namespace'> & { socket: Socket };

/** An authenticated Socket.IO socket. */
export class SocketIoSession extends Session {
  readonly #socket: Socket;

  constructor({ socket, ...fields }: Fields) {
    super({ ...fields, id: socket.id, namespace: socket.nsp.name });
    this.#socket = socket;
  }

  get transport(): string {
    return connectionOf(this.#socket).transport.name;
  }

  override carries(prefix: string): boolean {
    return carriedIn(this.namespace, this.dialect).has(prefix);
  }

  packet(event: string, json: string): string {
    return eventPacket(this.namespace, event, json);
  }

  acknowledge(id: number, answer: unknown): void {
    this.connection.outbox.push(ackPacket(this.namespace, id, JSON.stringify(answer)));
  }

  /** A DISCONNECT, after which stock clients do not reconnect. */
  end(failure: Failure): void {
    this.send('error', errorBody(failure, this.locale));
    this.flush();
    this.#socket.disconnect();
  }

  /** Writes now what was queued. */
  protected flush(): void {
    this.connection.outbox.flush();
  }
}

/** A Socket.IO socket that gets its events in batches; acknowledgements do not wait for them. */
export class BatchedSession extends SocketIoSession {
  override readonly batched = true;
  readonly #batch = new EventBatch((json) => super.queue(super.packet(BATCH, json)));

  override packet(event: string, json: string): string {
    return batchItem(event, json);
  }

  override queue(packet: string): void {
    this.#batch.add(packet);
  }

  protected override flush(): void {
    this.#batch.flush();
    super.flush();
  }
}
