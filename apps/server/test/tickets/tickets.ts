/** Tickets on a started server, and who is on which side of them. */
import type { allawzi } from '@majlis/contract';
import { makeUsers, ok } from '../support/chats.ts';
import type { Api, ApiAnswer } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';

/** A greeted client of `/support`. */
export function supportClient(server: Api, userId: string, options: Parameters<typeof connected>[2] = {}): Promise<Client> {
  return connected(server.url, '/support', { token: server.token(userId), ...options });
}

/** One customer with a ticket, two of the staff, and one who has nothing to do with it. */
export async function makeTicket(server: Api, more: object = {}) {
  const [owner, agent, manager, stranger] = await makeUsers(server, 'Owner', 'Agent', 'Manager', 'Stranger');
  await Promise.all([
    server.createUser(agent, { name: 'Agent', role: 'employee' }),
    server.createUser(manager, { name: 'Manager', role: 'manager' }),
  ]);
  const ticket = await openTicket(server, owner, more);
  return { owner, agent, manager, stranger, ticket, id: ticket.id };
}

export async function openTicket(server: Api, owner: string, more: object = {}): Promise<allawzi.Ticket> {
  const body = { subject: 'لا يعمل', message: 'It does not work', ...more };
  return ok(await server.api('POST', '/api/v1/support/tickets', { as: owner, body }));
}

export const getTicket = async (server: Api, as: string, id: string): Promise<allawzi.Ticket> =>
  ok(await server.api('GET', `/api/v1/support/tickets/${id}`, { as }));

export const patchTicket = (server: Api, as: string, id: string, body: object): Promise<ApiAnswer> =>
  server.api('PATCH', `/api/v1/support/tickets/${id}`, { as, body });

/** `_supportApi.sendMessage` */
export async function send(server: Api, as: string, id: string, message: string, more: object = {}): Promise<allawzi.SupportMessage> {
  return ok(await server.api('POST', `/api/v1/support/tickets/${id}/messages`, { as, body: { message, ...more } }));
}

/** `_supportApi.getTicketMessages` */
export async function messagesOf(server: Api, as: string, id: string, query = ''): Promise<allawzi.SupportMessage[]> {
  return ok(await server.api('GET', `/api/v1/support/tickets/${id}/messages${query}`, { as })).data;
}

export async function join(client: Client, ticketId: string): Promise<void> {
  const ack = await client.ask('join-ticket', { ticketId });
  if (ack.status !== 'ok') throw new Error(`not joined: ${JSON.stringify(ack)}`);
}
