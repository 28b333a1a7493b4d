/** Administrators of a started server. */
import { freshId, type Api } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';

/** A new administrator's id. */
export async function makeAdmin(server: Api): Promise<string> {
  const id = freshId('admin');
  await server.createUser(id, { role: 'admin' });
  return id;
}

/** A greeted socket of an administrator on `/admin`. */
export function adminClient(server: Api, userId: string, options: Parameters<typeof connected>[2] = {}): Promise<Client> {
  return connected(server.url, '/admin', { auth: { token: server.token(userId), locale: 'en' }, ...options });
}
