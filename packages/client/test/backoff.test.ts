import { expect, it } from 'vitest';
import { backoff } from '../src/backoff.ts';
import { tokenExpiry } from '../src/token.ts';

const options = { baseMs: 500, maxMs: 20_000 };

it('backoff is full jitter: from nothing to a doubling bound that has a cap', () => {
  expect([0, 1, 2, 5, 6, 60].map((attempt) => backoff(attempt, options, () => 0.999_999_9))).toEqual([499, 999, 1999, 15999, 19999, 19999]);
  expect(backoff(60, options, () => 0)).toBe(0);
});

it('reads when a token ends, and says null where it does not', () => {
  const token = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
  expect(tokenExpiry(token({ sub: 'مستخدم?>~', exp: 1_700_000_000 }))).toBe(1_700_000_000_000);
  expect([token({}), token({ exp: 'soon' }), 'x', '', 'a.b.c', 'a.%%%.c'].map(tokenExpiry)).toEqual([null, null, null, null, null, null]);
});
