/** Keys of customers' backends that administrators make: contract §8. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Reference, Time, UserId, Uuid, text } from '../values.ts';
import { Page, listOf } from './routes.ts';

export const ApiKey = z
  .object({ id: Uuid, name: z.string(), created_by: UserId, created_at: Time, revoked_at: Time.nullable() })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.output<typeof ApiKey>;

export const NewApiKey = ApiKey.extend({
  key: z.string().meta({ description: 'For the header X-API-Key. Shown this once: the server keeps its SHA-256 only.' }),
}).meta({ id: 'NewApiKey' });

export const apiKeyRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/api-keys',
    summary: 'Makes a key, which acts as the customer’s backend at once: signed-in administrators only, no key makes another. Audited.',
    tag: 'Administration',
    access: 'user',
    budget: 'write',
    body: z.object({ name: text(1, LIMITS.nameCharacters) }),
    answer: NewApiKey,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/api-keys',
    summary: 'The keys that were made so, revoked ones too, the latest first: signed-in administrators only.',
    tag: 'Administration',
    access: 'user',
    budget: 'light',
    query: Page,
    answer: listOf(ApiKey),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  revoke: route({
    method: 'DELETE',
    path: '/api/v2/api-keys/:id',
    summary: 'Revokes a key, on every node at once: signed-in administrators only. Audited.',
    tag: 'Administration',
    access: 'user',
    budget: 'write',
    params: z.object({ id: Reference }),
    status: 204,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;
