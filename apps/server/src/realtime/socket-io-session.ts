import type { Socket } from 'socket.io';
import type { Failure } from '../errors.ts';
import { errorBody } from './error-body.ts';
import { ackPacket, eventPacket } from './frame.ts';
import { NAMESPACES } from './namespaces.ts';
import { Session } from './session.ts';

type Fields = Omit<ConstructorParameters<typeof Session>[0], 'id' | 'namespace'> & { socket: Socket };

/** An authenticated Socket.IO socket. */
export class SocketIoSession extends Session {
  readonly #socket: Socket;

  constructor({ socket, ...fields }: Fields) {
    super({ ...fields, id: socket.id, namespace: socket.nsp.name });
    this.#socket = socket;
  }

  override carries(prefix: string): boolean {
    return NAMESPACES[this.namespace]!.carries.has(prefix);
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
    this.connection.outbox.flush();
    this.#socket.disconnect();
  }
}
