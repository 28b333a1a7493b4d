import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

/**
 * The yardstick of the order feed: a ws server with default options that keeps nothing, checks nothing and logs nothing. It takes
 * the same POST as the real server, and sends frames of the same shape to everybody who is connected.
 */
let orders = 0;

const http = createServer((request, response) => {
  if (request.method !== 'POST') return void response.end();
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const version = ++orders;
    const order = {
      order_id: version,
      order_number: `KH-2026-${String(version).padStart(6, '0')}`,
      ...(JSON.parse(Buffer.concat(chunks).toString()) as object),
      created_at: new Date().toISOString(),
      status: 'new',
      acknowledged_by: null,
    };
    const frame = JSON.stringify({ event: 'order_created', version, data: order });
    for (const client of sockets.clients) client.send(frame);
    response.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ...order, version }));
  });
});
const sockets = new WebSocketServer({ server: http });

sockets.on('connection', (socket, { url = '' }) => {
  const user_id = new URL(url, 'http://localhost').searchParams.get('token');
  socket.send(JSON.stringify({ event: 'connected', data: { user_id, connections: sockets.clients.size, version: orders } }));
});

http.listen(Number(process.env['PORT']), '127.0.0.1');
