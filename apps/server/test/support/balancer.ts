import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP load balancer on 127.0.0.1: each new connection goes to the next node that says that it is ready. */
export interface Balancer {
  readonly url: string;
  close(): Promise<void>;
}

const ASK_EVERY_MS = 100;

/** Starts one in front of the nodes at `urls`, which it asks for `/health/ready`. */
export async function startBalancer(urls: readonly string[]): Promise<Balancer> {
  const ready = new Set<string>();
  const open = new Set<Socket>();
  let turn = 0;

  const ask = async () => {
    await Promise.all(
      urls.map(async (url) => {
        const answers = await fetch(`${url}/health/ready`).then(
          ({ ok }) => ok,
          () => false,
        );
        if (answers) ready.add(url);
        else ready.delete(url);
      }),
    );
  };
  await ask();
  const asking = setInterval(() => void ask(), ASK_EVERY_MS);

  const listener = createServer((client) => {
    const candidates = urls.filter((url) => ready.has(url));
    const chosen = candidates[turn++ % candidates.length];
    if (!chosen) return void client.destroy();
    const { hostname, port } = new URL(chosen);
    const node = connect(Number(port), hostname);
    const end = () => {
      for (const socket of [client, node]) {
        open.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [client, node]) open.add(socket.on('error', end).on('close', end));
    client.pipe(node).pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    async close() {
      clearInterval(asking);
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
