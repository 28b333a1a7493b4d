/** Who did what to the server: contract §5, `/admin`. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { FreeObject, Time, Uuid } from '../values.ts';
import { Page, listOf } from './routes.ts';

export const AuditEntry = z
  .object({
    id: Uuid,
    actor_kind: z.enum(['user', 'key']).meta({ description: 'A signed-in administrator, or an API key.' }),
    actor_id: z.string().meta({ description: 'The user’s id; of a key its id, or `environment:` and the beginning of its SHA-256.' }),
    action: z.string().meta({ description: 'What was done: `user.disconnect`, `announcement.make`, …' }),
    subject: z.string().nullable().meta({ description: 'To whom or what: an id.' }),
    details: FreeObject,
    created_at: Time,
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntry = z.output<typeof AuditEntry>;

export const auditRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v2/audit',
    summary: 'Every control action and who did it, the latest first.',
    tag: 'Administration',
    access: 'key-or-admin',
    budget: 'light',
    query: Page.extend({ actor_id: z.string().optional(), action: z.string().optional(), subject: z.string().optional() }),
    answer: listOf(AuditEntry),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
} as const;
