import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { v2 } from '@majlis/contract';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';

/**
 * The yardstick: a Socket.IO server with default options (and with COMPRESS=true Majlis's compression) that keeps nothing, checks nothing and logs nothing. It takes the
 * same packets as the real server and sends messages of the same shape. A direct message goes to the other side only, one in
 * a room to everybody in it.
 */
interface Chat {
  seq: number;
  members: Set<Socket>;
}

type Send = Pick<v2.Message, 'chat_id' | 'type' | 'content' | 'client_message_id'>;

const chats = new Map<string, Chat>();

function chatOf(id: string): Chat {
  let chat = chats.get(id);
  if (!chat) chats.set(id, (chat = { seq: 0, members: new Set() }));
  return chat;
}

const http = createServer((_request, response) => response.end());
const perMessageDeflate = {
  threshold: 1024,
  zlibDeflateOptions: { level: 6 },
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
};
const io = new Server(http, { perMessageDeflate: process.env['COMPRESS'] === 'true' && perMessageDeflate });

io.use((socket, next) => {
  const user: unknown = socket.handshake.auth['user_id'];
  if (typeof user !== 'string') return next(new Error('unauthorized'));
  socket.data.user = user;
  next();
});

io.on('connection', (socket: Socket) => {
  const user: string = socket.data.user;
  const name = `User ${user}`;

  socket.on('chat:join', ({ chat_id }: { chat_id: string }, acknowledge: (answer: object) => void) => {
    void socket.join(chat_id);
    chatOf(chat_id).members.add(socket);
    socket.on('disconnect', () => chatOf(chat_id).members.delete(socket));
    acknowledge({ status: 'joined', chat_id });
  });

  socket.on('chat:message:send', ({ chat_id, type, content, client_message_id }: Send, acknowledge: (answer: object) => void) => {
    const chat = chatOf(chat_id);
    const message: v2.Message = {
      id: randomUUID(),
      chat_id,
      seq: ++chat.seq,
      version: chat.seq,
      sender_id: user,
      sender_name: name,
      sender_avatar: null,
      type,
      content,
      metadata: {},
      client_message_id,
      reply_to: null,
      reactions: [],
      created_at: new Date().toISOString(),
      edited_at: null,
      deleted_at: null,
      status: 'sent',
    };
    acknowledge({ status: 'sent', message_id: message.id, created_at: message.created_at, seq: message.seq });
    if (chat.members.size > 2) io.to(chat_id).emit('chat:message:new', message);
    else for (const member of chat.members) if (member !== socket) member.emit('chat:message:new', message);
  });
});

http.listen(Number(process.env['PORT']), '127.0.0.1');
