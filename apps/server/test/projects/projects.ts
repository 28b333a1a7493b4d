/** Projects on a started server, and clients of `/projects`. */
import type { v2 } from '@majlis/contract';
import { makeUsers, ok } from '../support/chats.ts';
import { freshId, type Api, type ApiAnswer } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';

/** A greeted client of `/projects`. */
export function projectClient(server: Api, userId: string, options: Parameters<typeof connected>[2] = {}): Promise<Client> {
  return connected(server.url, '/projects', { token: server.token(userId), ...options });
}

/** Greeted clients, in the room of a project; they came in this order. */
export async function inRoom<Users extends string[]>(
  server: Api,
  projectId: string,
  ...users: Users
): Promise<{ [I in keyof Users]: Client }> {
  const clients = await Promise.all(users.map((user) => projectClient(server, user)));
  for (const one of clients) await join(one, projectId);
  return clients as { [I in keyof Users]: Client };
}

export async function join(client: Client, projectId: string): Promise<void> {
  const ack = await client.ask('project:join', { projectId });
  if (!ack.data) throw new Error(`not joined: ${JSON.stringify(ack)}`);
}

export async function createProject(server: Api, as: string, ...members: string[]): Promise<v2.Project> {
  return ok(await server.api('POST', '/api/v2/projects', { as, body: { name: 'فيلم قصير', member_ids: members } }));
}

/** A project of two, an administrator and one who has nothing to do with it. */
export async function makeProject(server: Api) {
  const [owner, member, stranger] = await makeUsers(server, 'Owner', 'Member', 'Stranger');
  const admin = freshId('admin');
  await server.createUser(admin, { name: 'Admin', role: 'admin' });
  const project = await createProject(server, owner, member);
  return { owner, member, stranger, admin, project, id: project.id };
}

export const getProject = async (server: Api, as: string, id: string): Promise<v2.Project> =>
  ok(await server.api('GET', `/api/v2/projects/${id}`, { as }));

export const removeMember = (server: Api, as: string, id: string, userId: string): Promise<ApiAnswer> =>
  server.api('DELETE', `/api/v2/projects/${id}/members/${userId}`, { as });

export const addMember = (server: Api, as: string, id: string, ...user_ids: string[]): Promise<ApiAnswer> =>
  server.api('POST', `/api/v2/projects/${id}/members`, { as, body: { user_ids } });
