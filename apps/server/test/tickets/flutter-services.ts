/**
 * The two services of allawzi-websocket.ar.md as they are written there, from Dart into JavaScript: the same options, listeners and
 * order of calls. Like socket_io_client, socket.io-client shares one connection between the namespaces of a host.
 */
import { io, type Socket } from 'socket.io-client';
import { Recorder } from '../support/recorder.ts';

type Json = Record<string, unknown>;

abstract class WebSocketService extends Recorder {
  protected socket: Socket | undefined;
  #isConnected = false;
  readonly #url: string;
  /** `prefs.getString('access_token')` */
  token: string | null;

  constructor(url: string, namespace: string, token: string | null) {
    super();
    this.#url = `${url}/${namespace}`;
    this.token = token;
  }

  connect(): void {
    if (this.#isConnected && this.socket?.connected) return;
    if (this.token === null) throw new Error('No access token found');
    this.socket = io(this.#url, {
      transports: ['websocket', 'polling'],
      autoConnect: true,
      extraHeaders: { authorization: `Bearer ${this.token}` },
      auth: { token: this.token },
      // Faster than the default of 1 s; the document leaves it alone.
      reconnectionDelay: 50,
    });
    this.setupEventListeners(this.socket);
    this.#isConnected = true;
  }

  protected setupEventListeners(socket: Socket): void {
    socket.on('connect', () => {
      this.add('onConnected', [socket.id]);
      this.connected();
    });
    socket.on('connected', (data: Json) => this.add('connected', [data]));
    socket.on('disconnect', (reason) => {
      this.#isConnected = false;
      this.add('onDisconnected', [reason]);
    });
    socket.on('error', (error: Json) => this.add('onError', [error]));
    socket.on('connect_error', (error: Error & { data?: Json }) =>
      this.add('connect_error', [{ message: error.message, data: error.data }]),
    );
    socket.on('pong', (data: Json) => this.add('pong', [data]));
  }

  protected connected(): void {
    // The notifications need no room.
  }

  ping(): void {
    this.socket?.emit('ping');
  }

  disconnect(): void {
    this.socket?.disconnect();
    this.#isConnected = false;
  }

  get isConnected(): boolean {
    return this.#isConnected && (this.socket?.connected ?? false);
  }

  /** Loses the network, as a phone does. */
  loseNetwork(): void {
    this.socket!.io.engine.transport.close();
  }
}

export class NotificationsWebSocketService extends WebSocketService {
  constructor(url: string, token: string | null) {
    super(url, 'notifications', token);
  }

  protected override setupEventListeners(socket: Socket): void {
    super.setupEventListeners(socket);
    socket.on('notification:new', (data: Json) => {
      this.add('onNotificationReceived', [data]);
      // As the document's badge does.
      this.getUnreadCount();
    });
    socket.on('unread-count', (data: Json) => this.add('onUnreadCountChanged', [data['count'] ?? 0]));
  }

  getUnreadCount(): void {
    this.socket?.emit('get-unread-count');
  }

  markAsRead(notificationIds: string[]): void {
    this.socket?.emit('mark-as-read', { notificationIds });
  }

  markAllAsRead(): void {
    this.socket?.emit('mark-all-as-read');
  }
}

export class SupportWebSocketService extends WebSocketService {
  currentTicketId: string | null = null;

  constructor(url: string, token: string | null) {
    super(url, 'support', token);
  }

  protected override connected(): void {
    if (this.currentTicketId !== null) this.joinTicket(this.currentTicketId);
  }

  protected override setupEventListeners(socket: Socket): void {
    super.setupEventListeners(socket);
    socket.on('message:new', (data: Json) => this.add('onMessageReceived', [data]));
    socket.on('support:new-message', (data: Json) => this.add('onNewMessageNotification', [data]));
    socket.on('user-typing', (data: Json) => this.add('onUserTyping', [data]));
    socket.on('joined-ticket', (data: Json) => this.add('joined-ticket', [data]));
    socket.on('left-ticket', (data: Json) => this.add('left-ticket', [data]));
  }

  joinTicket(ticketId: string): void {
    this.currentTicketId = ticketId;
    this.socket?.emit('join-ticket', { ticketId });
  }

  leaveTicket(ticketId: string): void {
    if (this.currentTicketId === ticketId) this.currentTicketId = null;
    this.socket?.emit('leave-ticket', { ticketId });
  }

  sendTyping(ticketId: string, isTyping: boolean): void {
    this.socket?.emit('typing', { ticketId, isTyping });
  }

  override disconnect(): void {
    if (this.currentTicketId !== null) this.leaveTicket(this.currentTicketId);
    super.disconnect();
  }
}
