import type { Recorder } from '../support/recorder.ts';

/** What a client heard of a user's presence, in order. */
export const heardOf = (listener: Recorder, userId: string): string[] =>
  listener.all.flatMap(({ event, data }) => (event.startsWith('user:o') && data.user_id === userId ? [event] : []));

/** Resolves when a client hears that a user is online. */
export const online = (listener: Recorder, userId: string) => listener.next('user:online', ({ user_id }) => user_id === userId);

/** Resolves when a client hears that a user is offline. */
export const offline = (listener: Recorder, userId: string) => listener.next('user:offline', ({ user_id }) => user_id === userId);
