import { createServer, Socket, type AddressInfo } from 'node:net';

/** A TCP proxy on 127.0.0.1 that does what networks and machines do: go silent, break, refuse, lose an answer, be late. */
export interface TcpProxy {
  readonly port: number;
  /** Nothing passes any more, in either direction, on old connections and on new ones; nobody is told. */
  freeze(): void;
  /** What was held up by `freeze` passes, and all goes on. */
  thaw(): void;
  /** The connections that there are stay silent for ever, as behind a switch that lost power; new ones work. */
  forsake(): void;
  /** Breaks all connections, and refuses new ones until `accept`. */
  refuse(): void;
  accept(): void;
  /** The next connection that sends `text` to the server has sent its last: no answer comes back any more. */
  loseAnswerTo(text: string): void;
  /** The next connection that sends `text` to the server is held up there. @returns lets it through, even where the client has gone since */
  delay(text: string): () => void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  forsaken: boolean;
  answersLost: boolean;
  /** What waits for its `delay` to end. */
  delayed: Buffer[] | undefined;
}

/** Starts a proxy to `host`:`port`. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const triggers: { text: string; act(pair: Pair): void }[] = [];
  let frozen = false;
  let refusing = false;

  const listener = createServer({ pauseOnConnect: true }, (client) => {
    if (refusing) return void client.destroy();
    const pair: Pair = { client, server: new Socket(), forsaken: false, answersLost: false, delayed: undefined };
    pairs.add(pair);
    const end = () => {
      if (pair.forsaken || pair.delayed) return;
      pairs.delete(pair);
      client.destroy();
      pair.server.destroy();
    };
    for (const socket of [client, pair.server]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      const trigger = triggers.findIndex(({ text }) => chunk.includes(text));
      if (trigger >= 0) triggers.splice(trigger, 1)[0]!.act(pair);
      if (pair.delayed) pair.delayed.push(chunk);
      else pair.server.write(chunk);
    });
    pair.server.on('data', (chunk) => {
      if (!pair.answersLost && !client.destroyed) client.write(chunk);
    });
    pair.server.connect(target.port, target.host);
    if (!frozen) client.resume();
  });
  listener.listen(0, '127.0.0.1');
  await new Promise((resolve) => listener.once('listening', resolve));

  const eachSocket = (act: (socket: Socket, pair: Pair) => void) => {
    for (const pair of pairs) for (const socket of [pair.client, pair.server]) act(socket, pair);
  };
  return {
    port: (listener.address() as AddressInfo).port,
    freeze() {
      frozen = true;
      eachSocket((socket) => socket.pause());
    },
    thaw() {
      frozen = false;
      eachSocket((socket, pair) => pair.forsaken || socket.resume());
    },
    forsake() {
      for (const pair of pairs) pair.forsaken = true;
      eachSocket((socket) => socket.pause());
    },
    refuse() {
      refusing = true;
      eachSocket((socket) => socket.destroy());
    },
    accept() {
      refusing = false;
    },
    loseAnswerTo(text) {
      triggers.push({ text, act: (pair) => void (pair.answersLost = true) });
    },
    delay(text) {
      let held: Pair | undefined;
      triggers.push({
        text,
        act(pair) {
          held = pair;
          pair.delayed = [];
        },
      });
      return () => {
        const { server, client, delayed } = held!;
        held!.delayed = undefined;
        for (const chunk of delayed!) server.write(chunk);
        if (client.destroyed) server.end();
      };
    },
    async close() {
      for (const pair of pairs) Object.assign(pair, { forsaken: false, delayed: undefined });
      eachSocket((socket) => socket.destroy());
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
