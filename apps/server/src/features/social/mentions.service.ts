import { Injectable } from '@nestjs/common';
import { BlocksService } from '../users/blocks.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { idsMeantBy, mentionRuns } from './mentions.ts';

const everybody = () => true;

/** Finds whom a text mentions. */
@Injectable()
export class MentionsService {
  readonly #users: UserDirectory;
  readonly #blocks: BlocksService;

  constructor(users: UserDirectory, blocks: BlocksService) {
    this.#users = users;
    this.#blocks = blocks;
  }

  /**
   * The users whom a text mentions, each once; who has blocked its author is not spoken to.
   * @param mayBe who is spoken to at all. It is asked first: where it knows a whole name, the store is asked nothing
   */
  async mentionedIn(text: string, authorId: string, mayBe: (userId: string) => boolean = everybody): Promise<UserRecord[]> {
    // Of each name up to the longest that may be meant: a longer one that exists is meant instead.
    const names = mentionRuns(text).flatMap((run) => {
      const meant = idsMeantBy(run);
      return meant.some(mayBe) ? [meant] : [];
    });
    if (names.length === 0) return [];
    const asked = names.flatMap((meant) => (mayBe === everybody ? meant : meant.slice(0, meant.findIndex(mayBe) + 1)));
    const users = await this.#users.loadMany(asked);
    const exists = (id: string) => users.has(id) && !users.get(id)!.erased;
    const ids = [...new Set(names.flatMap((meant) => meant.find(exists) ?? []))].filter((id) => id !== authorId && mayBe(id));
    const blockers = await this.#blocks.whoBlocked(authorId, ids);
    return ids.filter((id) => !blockers.has(id)).map((id) => users.get(id)!);
  }
}
