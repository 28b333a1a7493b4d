import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LIMITS, khawam } from '@majlis/contract';
import type { v2 } from '@majlis/contract';
import type { FeedSeats } from './feed-traffic.ts';
import { startServer } from './server-process.ts';
import type { RunningServer } from './server-process.ts';
import type { StormSeats } from './storm-traffic.ts';
import type { Expectations, Seat } from './traffic.ts';

/** Who connects: `chats` chats of `membersPerChat` users each, of whom the first `sendersPerChat` send. */
export interface Gathering {
  chats: number;
  membersPerChat: number;
  sendersPerChat: number;
}

export type PeerName = 'bare' | 'majlis';

/** One of the servers that are compared. */
export interface Peer {
  /** @param directory keeps its data and its log @param compresses whether it compresses for those who ask for it */
  start(directory: string, compresses?: boolean): Promise<RunningServer>;
  /** Makes the users and chats of a gathering and says who connects where. */
  prepare(server: RunningServer, gathering: Gathering): Promise<Seat[]>;
  /** Makes users who connect and do no more. */
  prepareIdle(server: RunningServer, count: number): Promise<Seat[]>;
  expectations(gathering: Gathering): Expectations;
  /** As `start`, for the order feed. */
  startFeed(directory: string): Promise<RunningServer>;
  /** Makes the members of staff who listen to the order feed. */
  prepareFeed(server: RunningServer, listeners: number): Promise<FeedSeats>;
}

const inBuild = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const userId = (index: number): string => `user-${String(index).padStart(5, '0')}`;
const secret = randomBytes(32).toString('hex');
const apiKey = 'bench-key';
const tokenLifetimeS = 3600;
const requestsAtOnce = 16;

const bareAuth = (user: string): string => JSON.stringify({ user_id: user });

const bare: Peer = {
  start: (directory, compresses = false) =>
    startServer(inBuild('bare-server.js'), { COMPRESS: String(compresses) }, join(directory, 'server.log')),
  prepare: async (_server, gathering) =>
    Array.from({ length: gathering.chats }, (_, chat) => seatsOfChat(gathering, chat, chatIdOfBare(chat), bareAuth)).flat(),
  prepareIdle: async (_server, count) => Array.from({ length: count }, (_, index) => idleSeat(bareAuth(userId(index)))),
  expectations: ({ membersPerChat }) => ({ ownCopy: membersPerChat > 2, receiptsPerMessage: 0 }),
  startFeed: (directory) => startServer(inBuild('bare-feed-server.js'), {}, join(directory, 'server.log')),
  prepareFeed: async (_server, listeners) => ({
    listeners: Array.from({ length: listeners }, (_, index) => feedPath(userId(index))),
    headers: {},
  }),
};

const startMajlis = (directory: string, settings: Record<string, string> = {}): Promise<RunningServer> =>
  startServer(
    inBuild('../../apps/server/dist/main.js'),
    {
      HOST: '127.0.0.1',
      DATA_DIR: directory,
      DEMO_DATA: 'false',
      JWT_SECRET: secret,
      API_KEYS: apiKey,
      LOG_LEVEL: 'info',
      LOG_EVENTS: 'true',
      // The limiter works as ever; only what it allows is raised above what a closed loop sends.
      RATE_LIMIT_MAX_EVENTS: '100000000',
      RATE_LIMIT_MAX_LIGHT: '100000000',
      RATE_LIMIT_MAX_CONNECTS: '0',
      ...settings,
    },
    join(directory, 'server.log'),
  );

const majlis: Peer = {
  // It always does.
  start: (directory) => startMajlis(directory),
  prepare: async (server, gathering) => {
    await putUsers(server, gathering.chats * gathering.membersPerChat);
    const seats: Seat[][] = [];
    await inTurns(gathering.chats, async (chat) => {
      const members = membersOfChat(gathering, chat);
      const body: v2.CreateChat =
        members.length === 2 ? { type: 'direct', member_ids: members } : { type: 'group', member_ids: members, title: `Room ${chat}` };
      const { id } = (await request(server, 'POST', '/api/v2/chats', members[0], body)) as v2.Chat;
      seats[chat] = seatsOfChat(gathering, chat, id, majlisAuth);
    });
    return seats.flat();
  },
  prepareIdle: async (server, count) => {
    await putUsers(server, count);
    return Array.from({ length: count }, (_, index) => idleSeat(majlisAuth(userId(index))));
  },
  expectations: ({ membersPerChat }) => ({
    ownCopy: true,
    receiptsPerMessage: membersPerChat <= LIMITS.receiptsPushedUpToMembers ? membersPerChat - 1 : 0,
  }),
  startFeed: (directory) => majlis.start(directory),
  prepareFeed: async (server, listeners) => {
    await putUsers(server, listeners, { role: 'employee' });
    return { listeners: Array.from({ length: listeners }, (_, index) => feedPath(token(userId(index)))), headers: { 'x-api-key': apiKey } };
  },
};

/** Majlis with a presence audience of its own. */
export const startStorm = (directory: string, audience: string): Promise<RunningServer> =>
  startMajlis(directory, { PRESENCE_AUDIENCE: audience });

/** Makes the users of a storm; with a group size, each group has a chat. */
export async function prepareStorm(server: RunningServer, users: number, groupSize: number | null): Promise<StormSeats> {
  if (groupSize === null) await putUsers(server, users);
  else await majlis.prepare(server, { chats: users / groupSize, membersPerChat: groupSize, sendersPerChat: 0 });
  return { auths: Array.from({ length: users }, (_, index) => majlisAuth(userId(index))), groupSize };
}

export const peers: Record<PeerName, Peer> = { bare, majlis };

function membersOfChat({ membersPerChat }: Gathering, chat: number): string[] {
  return Array.from({ length: membersPerChat }, (_, member) => userId(chat * membersPerChat + member));
}

function seatsOfChat(gathering: Gathering, chat: number, chatId: string, authOf: (user: string) => string): Seat[] {
  return membersOfChat(gathering, chat).map((user, index) => ({ auth: authOf(user), chatId, sends: index < gathering.sendersPerChat }));
}

const feedPath = (token: string): string => `${khawam.feed.name}?token=${token}`;

const idleSeat = (auth: string): Seat => ({ auth, chatId: null, sends: false });

/** Of the form of the other server's chat ids, so that both servers' messages are of one size. */
const chatIdOfBare = (chat: number): string => `00000000-0000-7000-8000-${String(chat).padStart(12, '0')}`;

const base64UrlOfJson = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

const majlisAuth = (user: string): string => JSON.stringify({ token: token(user) });

/** An HS256 token (RFC 7515) of the secret that the server is started with. */
function token(user: string): string {
  const content = `${base64UrlOfJson({ alg: 'HS256', typ: 'JWT' })}.${base64UrlOfJson({ sub: user, exp: Math.floor(Date.now() / 1000) + tokenLifetimeS })}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

async function putUsers(server: RunningServer, count: number, fields: Partial<v2.PutUser> = {}): Promise<void> {
  await inTurns(count, async (index) => {
    await request(server, 'PUT', `/api/v2/users/${userId(index)}`, undefined, { name: `User ${userId(index)}`, ...fields });
  });
}

/** Calls `work` with 0 … count - 1, some at once. */
async function inTurns(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const workInTurn = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, workInTurn));
}

async function request(
  server: RunningServer,
  method: string,
  path: string,
  onBehalfOf: string | undefined,
  body: object,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-api-key': apiKey, ...(onBehalfOf && { 'x-on-behalf-of': onBehalfOf }) },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
