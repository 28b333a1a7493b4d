import { io, type Socket } from 'socket.io-client';
import { backoff } from './backoff.ts';
import { closePolicies, connectErrorReason, disconnectReason, type CloseReason } from './close-policy.ts';
import { MajlisError, errorFromWire, isRecord } from './errors.ts';
import { connectionState, initialMachine, step, type ConnectionState, type Effect, type Input } from './machine.ts';
import type { ResolvedOptions } from './options.ts';

export interface StateChange {
  state: ConnectionState;
  previous: ConnectionState;
  /** Why the connection was lost or closed; `null` when it is up. */
  reason: CloseReason | null;
}

interface ConnectionHandlers {
  onState: (change: StateChange) => void;
  /** Every event of an accepted connection, in the order of arrival, those of a batch one by one. */
  onEvent: (name: string, payload: unknown) => void;
}

/** Drives one Socket.IO connection by the machine of `machine.ts`: it turns what happens into inputs, and effects into doings. */
export class Connection {
  readonly #options: ResolvedOptions;
  readonly #handlers: ConnectionHandlers;
  readonly #deviceId: () => Promise<string>;
  #machine = initialMachine;
  /** Counts phases: what an earlier phase began and ends now is not listened to. */
  #epoch = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #socket: Socket | null = null;
  #lastError: unknown;
  /** The token of the present connection, or the latest that was tried. */
  token: string | null = null;
  readonly #requests = new Set<(error: MajlisError) => void>();
  readonly #waiters = new Set<() => void>();

  constructor(options: ResolvedOptions, deviceId: () => Promise<string>, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#deviceId = deviceId;
    this.#handlers = handlers;
  }

  get state(): ConnectionState {
    return connectionState(this.#machine);
  }

  connect(): void {
    this.#input({ type: 'connect' });
  }

  close(): void {
    this.#input({ type: 'close' });
  }

  /** Ends the present wait: something says that trying now makes sense. */
  retryNow(): void {
    this.#input({ type: 'retry' });
  }

  /** Resolves once connected; rejects with `CLOSED`, or with `TIMEOUT` after `timeoutMs`. */
  whenConnected(timeoutMs?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        end();
      };
      const look = () => {
        if (this.state === 'connected') settle(resolve);
        else if (this.state === 'closed') settle(() => reject(new MajlisError('CLOSED', `The client is closed: ${this.#machine.reason}`)));
      };
      this.#waiters.add(look);
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => settle(() => reject(new MajlisError('TIMEOUT', 'Not connected in time'))), timeoutMs);
      }
      look();
    });
  }

  /**
   * Sends an event and waits for its acknowledgement, first for the connection if there is none at the moment. Rejects with
   * the server's error, `TIMEOUT`, `CONNECTION_LOST` or `CLOSED`. An acknowledgement that does not come ends the connection
   * too: the server answers everything, so a silent one is a connection that has died without saying so.
   */
  async request(event: string, payload: unknown): Promise<unknown> {
    const timeoutMs = this.#options.ackTimeoutMs;
    await this.whenConnected(timeoutMs);
    const socket = this.#socket;
    if (!socket) throw new MajlisError('CONNECTION_LOST', 'The connection was lost');
    const ack = await new Promise<unknown>((resolve, reject) => {
      this.#requests.add(reject);
      socket.timeout(timeoutMs).emit(event, payload, (late: Error | null, answer: unknown) => {
        this.#requests.delete(reject);
        if (!late) return resolve(answer);
        reject(new MajlisError('TIMEOUT', `No acknowledgement of ${event} within ${timeoutMs} ms`));
        if (this.#socket === socket && socket.connected) this.#input({ type: 'lost', reason: 'ack timeout' });
      });
    });
    if (isRecord(ack) && isRecord(ack['error'])) throw errorFromWire(ack['error']);
    return ack;
  }

  #input(input: Input): void {
    const previous = this.#machine;
    const [next, effect] = step(previous, input);
    if (next === previous) return;
    this.#machine = next;
    this.#epoch++;
    clearTimeout(this.#timer);
    if (next.phase !== 'connected') this.#dropSocket(input.type === 'close');
    this.#run(effect);
    const [before, after] = [connectionState(previous), connectionState(next)];
    if (before !== after) this.#handlers.onState({ state: after, previous: before, reason: next.reason });
    for (const look of this.#waiters) look();
  }

  #run(effect: Effect): void {
    if (effect === 'fetch token') void this.#fetchToken(this.#epoch);
    else if (effect === 'open') void this.#open(this.#epoch);
    else if (effect === 'wait') this.#later(backoff(this.#machine.attempt - 1, this.#options.backoff), { type: 'retry' });
  }

  #later(ms: number, input: Input): void {
    this.#timer = setTimeout(() => this.#input(input), ms);
  }

  async #fetchToken(epoch: number): Promise<void> {
    const refused = this.#machine.reason !== null && closePolicies[this.#machine.reason] === 'renew';
    let input: Input;
    try {
      const token = await this.#options.getToken({ reason: refused ? 'refused' : 'needed', previous: this.token });
      if (epoch !== this.#epoch) return;
      this.token = token;
      input = token === null ? { type: 'lost', reason: 'no token' } : { type: 'token' };
    } catch {
      input = { type: 'lost', reason: 'token provider failed' };
    }
    if (epoch === this.#epoch) this.#input(input);
  }

  async #open(epoch: number): Promise<void> {
    this.#later(this.#options.openTimeoutMs, { type: 'lost', reason: 'open timeout' });
    const { url, locale, batch, transports } = this.#options;
    const deviceId = await this.#deviceId();
    if (epoch !== this.#epoch) return;
    // Socket.IO's own reconnection stays off: it knows neither tokens nor reasons, and it would keep what was not sent yet.
    const socket = io(url, {
      auth: { token: this.token, device_id: deviceId, ...(locale && { locale }), ...(batch && { batch }) },
      transports: [...transports],
      tryAllTransports: true,
      autoConnect: false,
      reconnection: false,
      forceNew: true,
    });
    this.#socket = socket;
    this.#lastError = undefined;
    const whilePresent =
      (listen: (...args: never[]) => void) =>
      (...args: unknown[]) => {
        if (this.#socket === socket) (listen as (...args: unknown[]) => void)(...args);
      };
    socket.onAny(whilePresent((name: string, payload: unknown) => this.#receive(name, payload)));
    socket.on(
      'disconnect',
      whilePresent((reason: string) => this.#input({ type: 'lost', reason: disconnectReason(reason, this.#lastError) })),
    );
    socket.on(
      'connect_error',
      whilePresent((error: Error & { data?: unknown }) => this.#input({ type: 'lost', reason: connectErrorReason(error.data) })),
    );
    socket.connect();
  }

  #receive(name: string, payload: unknown): void {
    if (name === 'batch' && Array.isArray(payload)) {
      for (const item of payload) if (isRecord(item) && typeof item['event'] === 'string') this.#receive(item['event'], item['data']);
      return;
    }
    // Errors of requests reach their callers as acknowledgements; those without an event are about the connection.
    if (name === 'error' && isRecord(payload) && payload['event'] === undefined) this.#lastError = payload;
    if (name === 'connected') this.#input({ type: 'welcome' });
    this.#handlers.onEvent(name, payload);
  }

  /** `goodbye`: say so to the server, which then knows that nobody is coming back; otherwise only cut the transport. */
  #dropSocket(goodbye: boolean): void {
    const socket = this.#socket;
    this.#socket = null;
    if (goodbye) socket?.disconnect();
    else socket?.io.engine?.close();
    const lost = new MajlisError('CONNECTION_LOST', 'The connection was lost before the acknowledgement came');
    for (const reject of this.#requests) reject(lost);
    this.#requests.clear();
  }
}
