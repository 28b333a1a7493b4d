/** Clients as the Depth document writes them. */
import type { depth } from '@majlis/contract';
import { makeDirect, makeGroup, makeUsers } from '../support/chats.ts';
import type { Api } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';

/** A greeted client of `/chat`. */
export function depthClient(server: Api, userId: string, options: Parameters<typeof connected>[2] = {}): Promise<Client> {
  return connected(server.url, '/chat', { token: server.token(userId), ...options });
}

/** A client of `/chat` that has joined a conversation, by the join of either family. */
export async function joined(server: Api, userId: string, conversationId: string, join = 'conversation:join'): Promise<Client> {
  const client = await depthClient(server, userId);
  const { data } = await client.ask(join, { conversationId });
  if (data?.conversationId !== conversationId) throw new Error(`not joined: ${JSON.stringify(data)}`);
  return client;
}

/** Three users, and a conversation of them. */
export async function makeConversation(server: Api) {
  const [anna, boris, clara] = await makeUsers(server, 'Anna', 'Boris', 'Clara');
  const { id } = await makeGroup(server, anna, boris, clara);
  return { anna, boris, clara, id };
}

/** Two users and their direct chat. */
export async function makeDialogue(server: Api) {
  const [anna, boris] = await makeUsers(server, 'Anna', 'Boris');
  const { id } = await makeDirect(server, anna, boris);
  return { anna, boris, id };
}

/** The document's class, but that it takes its socket instead of making it. */
export class ChatClient {
  readonly socket: Client['socket'];
  readonly conversations = new Map<string, depth.DepthMessage[]>();
  readonly updates: depth.DepthMessage[] = [];
  readonly typists: { userId: string; conversationId: string }[] = [];

  constructor(socket: Client['socket']) {
    this.socket = socket;
    this.setupListeners();
  }

  setupListeners() {
    this.socket.on('message:new', (message: depth.DepthMessage) => {
      this.handleNewMessage(message);
    });

    this.socket.on('message:updated', (message: depth.DepthMessage) => {
      this.updateMessage(message);
    });

    this.socket.on('user:typing', ({ userId, conversationId }: { userId: string; conversationId: string }) => {
      this.showTypingIndicator(userId, conversationId);
    });
  }

  sendMessage(conversationId: string, content: string): Promise<depth.DepthMessage> {
    return new Promise((resolve, reject) => {
      this.socket.emit(
        'message:send',
        {
          conversationId,
          content,
        },
        (response: { error?: Error; data: depth.DepthMessage }) => {
          if (response.error) {
            reject(response.error);
          } else {
            resolve(response.data);
          }
        },
      );
    });
  }

  joinConversation(conversationId: string) {
    this.socket.emit('conversation:join', { conversationId });
  }

  handleNewMessage(message: depth.DepthMessage) {
    this.conversations.set(message.conversationId, [...(this.conversations.get(message.conversationId) ?? []), message]);
  }

  updateMessage(message: depth.DepthMessage) {
    this.updates.push(message);
  }

  showTypingIndicator(userId: string, conversationId: string) {
    this.typists.push({ userId, conversationId });
  }
}
