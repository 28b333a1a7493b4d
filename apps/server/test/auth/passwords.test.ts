import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from '../../src/auth/passwords.ts';

test('UNAVAILABLE while too many wait, and only so long, for an address that nobody has too', async () => {
  const many = Array.from({ length: 102 }, () => hashPassword('correct horse'));
  for (const known of ['a hash', undefined]) await expect(verifyPassword(known, 'x')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await Promise.all(many);
  expect(await verifyPassword(undefined, 'correct horse')).toBe(false);
});
