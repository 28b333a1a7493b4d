import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

/** HS256 wants a key of at least its hash's size (RFC 7518, section 3.2). */
export const SECRET_MIN_BYTES = 32;

/**
 * The JWT secret kept in `dataDir`, readable by the server's user only; made at random where there is none.
 * Processes that start at once on one directory get the same secret.
 *
 * @throws {Error} where the directory cannot be written, or what is kept is too short
 */
export function keptSecret(dataDir: string): string {
  const file = join(dataDir, 'jwt-secret');
  if (!existsSync(file)) {
    makeFolder(dataDir);
    // Written aside and linked into place: a link never replaces, so the first process wins and nobody reads half a secret.
    const draft = `${file}.${randomUUID()}`;
    try {
      writeFileSync(draft, randomBytes(48).toString('base64url'), { mode: 0o600, flag: 'wx', flush: true });
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  const secret = readFileSync(file, 'utf8').trim();
  const bytes = Buffer.byteLength(secret);
  if (bytes < SECRET_MIN_BYTES) throw new Error(`${file} holds ${bytes} bytes, not ${SECRET_MIN_BYTES} or more`);
  return secret;
}
