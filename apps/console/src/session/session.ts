import { MajlisError, createSignIn, type Me, type Session, type TokenRequest } from '@majlis/client';
import { createStore } from '../state/store.ts';

const STORAGE_KEY = 'majlis:session';
/** A token with less left than this is not worth setting out with, in milliseconds. */
const MARGIN_MS = 10_000;

interface StoredSession {
  access_token: string;
  refresh_token: string;
  /** By this machine's clock, in milliseconds since 1970. */
  expires_at: number;
  user: Me;
}

const calls = createSignIn({ url: location.origin });

/** Who is signed in in this browser; every tab has the same session. */
export const sessionUser = createStore<Me | null>(read()?.user ?? null);

/** Whether the latest session of this tab was ended by the server and not by its user. */
export const sessionEnded = createStore(false);

addEventListener('storage', (event) => {
  if (event.key === STORAGE_KEY) showUser(read()?.user ?? null);
});

/** Rejects with `MajlisError`. */
export async function signIn(email: string, password: string): Promise<void> {
  write(await calls.login(email, password));
}

/** Forgets the session here at once; whether the server hears of it does not hold anybody up. */
export function signOut(): void {
  const session = read();
  forget();
  if (session) calls.logout(session.refresh_token).catch(() => undefined);
}

/** The SDK's token provider: `null` when there is no session left, an error when it could not be renewed just now. */
export async function getToken({ reason, previous }: TokenRequest): Promise<string | null> {
  const session = read();
  const usable = session && session.expires_at - MARGIN_MS > Date.now() && (reason === 'needed' || session.access_token !== previous);
  return usable ? session.access_token : await renew(previous);
}

/** A refresh token works once, and using it twice ends the session: so one tab at a time, and not if another has done it already. */
async function renew(previous: string | null): Promise<string | null> {
  return await exclusively(async () => {
    const session = read();
    if (!session) return null;
    if (session.access_token !== previous && session.expires_at - MARGIN_MS > Date.now()) return session.access_token;
    try {
      const renewed = await calls.refresh(session.refresh_token);
      write(renewed);
      return renewed.access_token;
    } catch (error) {
      if (!(error instanceof MajlisError) || !['UNAUTHORIZED', 'FORBIDDEN'].includes(error.code)) throw error;
      sessionEnded.set(true);
      forget();
      return null;
    }
  });
}

let underWay: Promise<unknown> = Promise.resolve();

/** Across tabs where the browser has locks (it has them on TLS and on localhost), otherwise within this one. */
async function exclusively<T>(work: () => Promise<T>): Promise<T> {
  if (navigator.locks) return await navigator.locks.request(STORAGE_KEY, work);
  const turn = underWay.then(work);
  underWay = turn.catch(() => undefined);
  return await turn;
}

function read(): StoredSession | null {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null') as StoredSession | null;
  } catch {
    return null;
  }
}

function write({ access_token, refresh_token, expires_in, user }: Session): void {
  const session: StoredSession = { access_token, refresh_token, expires_at: Date.now() + expires_in * 1000, user };
  localStorage.setItem(STORAGE_KEY, JSON.stringify(session));
  sessionEnded.set(false);
  showUser(user);
}

function forget(): void {
  const user = sessionUser.get();
  localStorage.removeItem(STORAGE_KEY);
  // What waited to be sent goes with the one who wrote it.
  if (user) for (const key of Object.keys(sessionStorage)) if (key.startsWith(storagePrefix(user.id))) sessionStorage.removeItem(key);
  showUser(null);
}

/** Prefix of what the SDK keeps for a user in this tab. */
export function storagePrefix(userId: string): string {
  return `majlis:${userId}`;
}

/** The same user keeps the same object, so that a renewed token does not rebuild what hangs on the user. */
function showUser(user: Me | null): void {
  sessionUser.set((present) => (present && user && JSON.stringify(present) === JSON.stringify(user) ? present : user));
}
