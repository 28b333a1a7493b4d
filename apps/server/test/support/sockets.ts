/** Real Socket.IO clients, each with a recorder that was attached before it connected. */
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { Recorder } from './recorder.ts';

const open = new Set<Socket>();

/** A client and what it received. `connect`, `disconnect` and `connect_error` are recorded like events. */
export class Client extends Recorder {
  readonly socket: Socket;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
    open.add(socket);
    socket.onAny((event: string, ...args: unknown[]) => this.add(event, args));
    socket.on('connect', () => this.add('connect', [socket.id]));
    socket.on('disconnect', (reason) => this.add('disconnect', [reason]));
    socket.on('connect_error', (error: Error & { data?: unknown }) =>
      this.add('connect_error', [{ message: error.message, data: error.data }]),
    );
  }

  /** Sends an event and resolves with its acknowledgement. @throws after 10 s without one, or where it has not exactly one argument */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
  ask(event: string, ...args: unknown[]): Promise<any> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${event} was not acknowledged`)), 10_000);
      this.socket.emit(event, ...args, (...answer: unknown[]) => {
        clearTimeout(timer);
        if (answer.length === 1) resolve(answer[0]);
        else reject(new Error(`${event} was acknowledged with ${answer.length} arguments`));
      });
    });
  }

  /** Sends an event without an acknowledgement callback, as the documents' clients mostly do. */
  tell(event: string, ...args: unknown[]): void {
    this.socket.emit(event, ...args);
  }

  /** Cuts the network connection, as a lost network does: no goodbye. */
  cut(): void {
    this.socket.io.engine.transport.close();
  }

  close(): void {
    open.delete(this.socket);
    this.socket.disconnect();
  }
}

type Options = Partial<ManagerOptions & SocketOptions> & { token?: string | undefined };

/** A client of a namespace, on a connection of its own; it does not reconnect unless told to. */
export function client(url: string, namespace: string, { token, ...options }: Options = {}): Client {
  const socket = io(url + (namespace === '/' ? '' : namespace), {
    autoConnect: false,
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
    ...(token === undefined ? {} : { auth: { token } }),
    ...options,
  });
  const made = new Client(socket);
  socket.connect();
  return made;
}

/** A client that has been greeted. */
export async function connected(url: string, namespace: string, options: Options = {}): Promise<Client> {
  const made = client(url, namespace, options);
  await made.next('connected');
  return made;
}

/** Closes every client that is still open; for `afterEach`. */
export function closeClients(): void {
  for (const socket of open) socket.disconnect();
  open.clear();
}
