import { Injectable } from '@nestjs/common';

/** Knows who is connected now. */
export interface PresenceSource {
  isOnline(userId: string): boolean;
}

/** Where users learn who is online: whoever has the sockets puts itself here. Until then everybody is offline. */
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
}
