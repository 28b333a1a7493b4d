/** Real clients of the raw order feed, each with a recorder that was attached before it connected. */
import { WebSocket, type ClientOptions } from 'ws';
import { Recorder } from '../support/recorder.ts';
import { freshId, type Api } from '../support/server.ts';

const open = new Set<FeedClient>();

/** A feed client. Frames are recorded whole under their `event`; besides, `open`, `close` and `refused` (an HTTP answer). */
export class FeedClient extends Recorder {
  readonly ws: WebSocket;

  constructor(url: string, protocols: string[], options: ClientOptions) {
    super();
    open.add(this);
    this.ws = new WebSocket(url, protocols, options);
    this.ws.on('open', () => this.add('open', [{ protocol: this.ws.protocol }]));
    this.ws.on('message', (data, isBinary) => {
      const frame = JSON.parse((data as Buffer).toString()) as { event: string };
      this.add(frame.event, [isBinary ? { ...frame, isBinary } : frame]);
    });
    this.ws.on('close', (code, reason) => this.add('close', [{ code, reason: reason.toString() }]));
    this.ws.on('unexpected-response', (_, response) => {
      this.add('refused', [{ status: response.statusCode }]);
      this.ws.terminate();
    });
    this.ws.on('error', () => undefined);
  }

  send(frame: unknown): void {
    this.ws.send(JSON.stringify(frame));
  }

  /** The changes of orders in the order in which they came: `<version> <event> <order_id>`. */
  changes(): string[] {
    return this.all
      .filter(({ event }) => event.startsWith('order_'))
      .map(({ data }) => `${data.version} ${data.event} ${data.data.order_id}`);
  }

  /** The ids of the orders that were created, in the order in which that was said. */
  created(): number[] {
    return this.of('order_created').map(({ data }) => data.order_id);
  }

  /** Resolves with the frame when this version has come. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
  version(version: number): Promise<any> {
    return this.until(() => this.all.find(({ data }) => data?.version === version)?.data, `version ${version}`);
  }

  /** Resolves when everything that was on its way has come: the answer to a question follows it on the same connection. */
  async barrier(): Promise<void> {
    const pongs = this.of('pong').length;
    this.ws.send('ping');
    await this.count('pong', pongs + 1);
  }

  close(): void {
    open.delete(this);
    this.ws.terminate();
  }
}

export interface FeedOptions extends ClientOptions {
  /** Query parameters; `token` among them. */
  query?: Record<string, string>;
  protocols?: string[];
  /** Connects through here instead. */
  port?: number;
}

/** A client of a server's feed. */
export function feedClient({ url }: Pick<Api, 'url'>, { query = {}, protocols = [], port, ...options }: FeedOptions = {}): FeedClient {
  const address = new URL('/api/ws/orders', url.replace('http', 'ws'));
  if (port !== undefined) address.port = String(port);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  return new FeedClient(address.href, protocols, options);
}

/** A client of the feed, signed in as `userId`, that has been greeted. */
export async function following(server: Api, userId: string, { query, ...options }: FeedOptions = {}): Promise<FeedClient> {
  const made = feedClient(server, { query: { token: server.token(userId), ...query }, ...options });
  await made.next('connected');
  return made;
}

/** Closes every client that is still there; for `afterEach`. */
export function closeFeeds(): void {
  for (const client of open) client.close();
}

/** Makes a member of staff and gives its id. */
export async function newStaff(server: Api, role = 'employee'): Promise<string> {
  const id = freshId(role);
  await server.createUser(id, { role });
  return id;
}

/** The body of an order. */
export const orderBody = (fields: Record<string, unknown> = {}) => ({
  customer_name: 'ليلى',
  customer_phone: '+963 944 123456',
  total_amount: 120.5,
  final_amount: 99.99,
  delivery_type: 'self',
  items_count: 3,
  ...fields,
});

/** Makes an order with the API key and gives the answer's body. @throws where the server refuses */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
export async function newOrder(server: Api, fields: Record<string, unknown> = {}): Promise<any> {
  const { status, body } = await server.api('POST', '/api/orders', { key: true, body: orderBody(fields) });
  if (status !== 201) throw new Error(`the order was not made: ${status} ${JSON.stringify(body)}`);
  return body;
}
