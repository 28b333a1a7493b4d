import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy that can lose what the server answers, while what the client says still arrives. */
export interface DeafProxy {
  readonly port: number;
  /** From now on nothing comes back on the connections that there are; new ones work. */
  loseAnswers(): void;
  close(): Promise<void>;
}

export async function startDeafProxy(port: number): Promise<DeafProxy> {
  const pairs = new Set<{ client: Socket; server: Socket; deaf: boolean }>();
  const listener = createServer((client) => {
    const pair = { client, server: connect(port, '127.0.0.1'), deaf: false };
    pairs.add(pair);
    client.on('data', (chunk) => pair.server.write(chunk));
    pair.server.on('data', (chunk) => pair.deaf || client.write(chunk));
    const end = () => {
      client.destroy();
      pair.server.destroy();
      pairs.delete(pair);
    };
    for (const socket of [client, pair.server]) socket.on('error', end).on('close', end);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    loseAnswers() {
      for (const pair of pairs) pair.deaf = true;
    },
    async close() {
      for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
