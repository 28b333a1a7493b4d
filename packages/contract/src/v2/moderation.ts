/** Blocking and reporting people: contract §8. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Reference, Time, UserId, Uuid, text } from '../values.ts';
import { Message } from './objects.ts';
import { Page, listOf } from './routes.ts';

const UserPath = z.object({ id: UserId });
const ReportPath = z.object({ id: Reference });

export const Block = z.object({ user_id: UserId, created_at: Time }).meta({ id: 'Block' });
export type Block = z.output<typeof Block>;

export const blockRoutes = {
  put: route({
    method: 'PUT',
    path: '/api/v2/users/:id/block',
    summary: 'Blocks a user: they cannot open a direct chat with oneself, write in it, or ask for friendship. They are not told.',
    tag: 'Users',
    access: 'user',
    budget: 'write',
    params: UserPath,
    status: 204,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/api/v2/users/:id/block',
    summary: 'Ends a block, if there is one.',
    tag: 'Users',
    access: 'user',
    budget: 'write',
    params: UserPath,
    status: 204,
    errors: ['UNAUTHORIZED'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/blocks',
    summary: 'Whom one has blocked, by id.',
    tag: 'Users',
    access: 'user',
    budget: 'light',
    query: Page,
    answer: listOf(Block),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
} as const;

const Reason = text(1, LIMITS.reasonCharacters);

export const Report = z
  .object({
    id: Uuid,
    reporter_id: UserId,
    user_id: UserId.meta({ description: 'Who is reported; of a message its sender.' }),
    chat_id: Uuid.nullable(),
    message_id: Uuid.nullable(),
    reason: z.string(),
    created_at: Time,
    resolved_at: Time.nullable(),
    resolved_by: z.string().nullable(),
    resolution: z.string().nullable(),
  })
  .meta({ id: 'Report' });
export type Report = z.output<typeof Report>;

export const ReportInQueue = Report.extend({
  message: Message.nullable().meta({ description: 'The reported message as it is now.' }),
}).meta({ id: 'ReportInQueue' });

export const reportRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/reports',
    summary: 'Reports a user, or a message that one can see, to the administrators. Repeated while that is open, it is the first report.',
    tag: 'Administration',
    access: 'user',
    budget: 'write',
    body: z
      .object({ user_id: UserId.optional(), message_id: Reference.optional(), reason: Reason })
      .refine(({ user_id, message_id }) => (user_id === undefined) !== (message_id === undefined), {
        path: ['user_id'],
        error: 'either user_id or message_id must say who or what is reported',
      }),
    answer: Report,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/reports',
    summary: 'The queue: open reports, the oldest first; or those that were resolved, the latest first.',
    tag: 'Administration',
    access: 'key-or-admin',
    budget: 'light',
    query: Page.extend({ status: z.enum(['open', 'resolved']).default('open') }),
    answer: listOf(ReportInQueue),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  resolve: route({
    method: 'POST',
    path: '/api/v2/reports/:id/resolve',
    summary: 'Takes a report off the queue and says what came of it. Audited.',
    tag: 'Administration',
    access: 'key-or-admin',
    budget: 'write',
    params: ReportPath,
    body: z.object({ resolution: Reason }),
    answer: Report,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT'],
  }),
} as const;
