import { Injectable } from '@nestjs/common';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { idsMeantBy, mentionRuns } from './mentions.ts';

/** Finds whom a text mentions. */
@Injectable()
export class MentionsService {
  readonly #users: UserDirectory;

  constructor(users: UserDirectory) {
    this.#users = users;
  }

  /** The users whom a text mentions, each once. */
  async mentionedIn(text: string): Promise<UserRecord[]> {
    const runs = mentionRuns(text).map(idsMeantBy);
    if (runs.length === 0) return [];
    const users = await this.#users.loadMany(runs.flat());
    const exists = (id: string) => users.has(id) && !users.get(id)!.erased;
    const ids = new Set(runs.flatMap((meant) => meant.find(exists) ?? []));
    return [...ids].map((id) => users.get(id)!);
  }
}
