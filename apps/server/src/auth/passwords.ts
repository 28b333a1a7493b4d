/** Password hashing: argon2id with the parameters of the OWASP cheat sheet (19 MiB, two passes), which are the library's defaults. */
import { hash, verify } from '@node-rs/argon2';
import { randomUUID } from 'node:crypto';
import { Failure } from '../errors.ts';

// Each takes a thread of the pool and 19 MiB for some tens of milliseconds; the store and the network want threads too.
const AT_ONCE = 2;
const WAITING = 100;

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) {
    if (waiting.length >= WAITING) throw new Failure('UNAVAILABLE');
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

/** Hashes a password. @throws Failure UNAVAILABLE where too many wait */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password));
}

let nobodys: string | undefined;

/**
 * Whether `password` is the one that was hashed. Without a hash (nobody has that address, or no password) it is the same work
 * and false, so that the time tells nothing.
 * @throws Failure UNAVAILABLE where too many wait
 */
export async function verifyPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  const against = passwordHash ?? (nobodys ??= await hashPassword(randomUUID()));
  return (await inTurn(() => verify(against, password))) && against === passwordHash;
}
