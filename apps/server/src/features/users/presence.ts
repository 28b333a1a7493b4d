import { Injectable } from '@nestjs/common';

/** Knows who is connected now, on whatever node. */
export interface PresenceSource {
  /** Whether a user is online; also within the grace time after the last socket has gone. */
  isOnline(userId: string): boolean;
  /** When the connection of a user who is online began or, within the grace time, ended, in milliseconds; undefined for who is offline. */
  lastSeen(userId: string): number | undefined;
  /** Number of users who are online. */
  readonly count: number;
}

/** Where users learn who is online: whoever knows puts itself here. Until then everybody is offline. */
@Injectable()
export class Presence implements PresenceSource {
  #source: PresenceSource | undefined;

  /** Makes `source` the one that is asked. */
  use(source: PresenceSource): void {
    this.#source = source;
  }

  isOnline(userId: string): boolean {
    return this.#source?.isOnline(userId) ?? false;
  }

  lastSeen(userId: string): number | undefined {
    return this.#source?.lastSeen(userId);
  }

  get count(): number {
    return this.#source?.count ?? 0;
  }
}
