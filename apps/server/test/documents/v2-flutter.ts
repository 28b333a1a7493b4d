/**
 * The client code of service-platform-v2-websocket.ru.md as it is written there, from Dart into JavaScript: the same options, listeners
 * and order of calls. What its comments leave to the application (state, repositories) is a field or a function that is handed in.
 */
import { io, type Socket } from 'socket.io-client';
import { Recorder } from '../support/recorder.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- Dart's Map<String, dynamic>
type Data = Record<string, any>;

const sockets = new Set<Socket>();

/** `IO.io`: unlike the library in JavaScript, Dart's makes a connection of its own for each of these. */
function connectTo(url: string, token: string, options: object = {}): Socket {
  const socket = io(url, { transports: ['websocket'], forceNew: true, auth: { token }, reconnection: false, ...options });
  sockets.add(socket);
  return socket;
}

/** Closes what is still open; for `afterEach`. */
export function closeAll(): void {
  for (const socket of sockets) socket.disconnect();
  sockets.clear();
}

/** What the application keeps: what the document's client code writes to its state. Every event is recorded as well. */
class App extends Recorder {
  readonly chats: Data[] = [];
  readonly notifications: Data[] = [];
  readonly messages: Data[] = [];
  readonly messageStatus = new Map<string, string>();
  readonly userStatus = new Map<string, boolean>();
  readonly postLikes = new Map<string, number>();
  readonly postComments = new Map<string, Data[]>();
  isTyping = false;

  listen(socket: Socket): void {
    socket.onAny((event: string, ...args: unknown[]) => this.add(event, args));
    socket.on('disconnect', (reason) => this.add('disconnect', [reason]));
  }
}

/** "Flutter: Полный пример чата" */
export class ChatService extends App {
  readonly socket: Socket;
  readonly #chatId: string;
  readonly #currentUserId: string;

  constructor(url: string, jwtToken: string, chatId: string, currentUserId: string) {
    super();
    this.#chatId = chatId;
    this.#currentUserId = currentUserId;
    this.socket = connectTo(url, jwtToken);
    this.listen(this.socket);
    this.socket.connect();
    this.socket.on('connect', () => this.#joinChatRoom());
    this.socket.on('chat:message:new', (data: Data) => this.messages.push(data));
    this.socket.on('chat:typing', (data: Data) => {
      if (data['user_id'] !== this.#currentUserId) this.isTyping = data['is_typing'];
    });
    this.socket.on('chat:message:read', (data: Data) => this.messageStatus.set(data['message_id'], 'read'));
  }

  #joinChatRoom(): void {
    this.socket.emit('chat:join', { chat_id: this.#chatId });
  }

  sendMessage(content: string, type: string): void {
    this.socket.emit('chat:message:send', { chat_id: this.#chatId, type, content });
  }

  sendTyping(isTyping: boolean): void {
    this.socket.emit('chat:typing', { chat_id: this.#chatId, is_typing: isTyping });
  }

  markAsRead(messageId: string): void {
    this.socket.emit('chat:message:read', { message_id: messageId, chat_id: this.#chatId });
  }

  dispose(): void {
    this.socket.disconnect();
  }
}

/** "Offline Queue" */
export class OfflineQueue {
  readonly #queue: { event: string; data: Data; timestamp: Date }[] = [];

  addToQueue(event: string, data: Data): void {
    this.#queue.push({ event, data, timestamp: new Date() });
  }

  flushQueue(socket: Socket): void {
    for (const item of this.#queue) socket.emit(item.event, item.data);
    this.#queue.length = 0;
  }
}

/** What the document's examples get by REST, and the token that `authRepository` renews. */
export interface Repositories {
  getChats(): Promise<Data[]>;
  getUnread(): Promise<Data[]>;
  refreshToken(): Promise<string>;
}

/** "Подключение", "Token Refresh", "Системные события", "События …" and "Reconnection Strategy" together, on one socket. */
export class WebSocketService extends App {
  readonly socket: Socket;
  reconnectAttempts = 0;
  readonly maxReconnectAttempts = 5;
  readonly delays: number[] = [];
  readonly #secondMs: number;

  /** @param secondMs how long a second of the backoff lasts */
  constructor(url: string, jwtToken: string, repositories: Repositories, secondMs: number) {
    super();
    this.#secondMs = secondMs;
    this.socket = connectTo(url, jwtToken, { autoConnect: false });
    const { socket } = this;
    this.listen(socket);
    socket.on('connect', () => this.onConnect());
    socket.on('error', async (data: Data) => {
      if (data['message'] !== 'Invalid token') return;
      const newToken = await repositories.refreshToken();
      socket.auth = { token: newToken };
      socket.connect();
    });
    socket.on('sync:required', async () => {
      const chats = await repositories.getChats();
      const notifications = await repositories.getUnread();
      this.chats.splice(0, Infinity, ...chats);
      this.notifications.splice(0, Infinity, ...notifications);
      this.add('ui updated', [{}]);
    });
    socket.on('notification:new', (data: Data) => this.notifications.push(data));
    socket.on('user:online', (data: Data) => this.userStatus.set(data['user_id'], true));
    socket.on('user:offline', (data: Data) => this.userStatus.set(data['user_id'], false));
    socket.on('post:liked', (data: Data) => this.postLikes.set(data['post_id'], data['likes_count']));
    socket.on('post:commented', (data: Data) => {
      const postId = data['post_id'] as string;
      this.postComments.set(postId, [...(this.postComments.get(postId) ?? []), data['comment']]);
    });
    socket.connect();
  }

  setupReconnection(): void {
    this.socket.on('disconnect', () => void this.reconnect());
  }

  async reconnect(): Promise<void> {
    if (this.reconnectAttempts >= this.maxReconnectAttempts) return;
    const delay = 2 ** this.reconnectAttempts;
    this.delays.push(delay);
    await new Promise((resolve) => setTimeout(resolve, delay * this.#secondMs));
    this.reconnectAttempts++;
    this.socket.connect();
  }

  onConnect(): void {
    this.reconnectAttempts = 0;
  }

  /** Loses the network, as a phone does. */
  loseNetwork(): void {
    this.socket.io.engine.transport.close();
  }

  /** Emits with an acknowledgement. */
  ask(event: string, data: Data): Promise<Data> {
    return new Promise((resolve) => this.socket.emit(event, data, resolve));
  }
}
