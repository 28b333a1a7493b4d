import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { isoTime } from '../../iso-time.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { AuditService, type Actor } from '../audit/audit.service.ts';
import { pagePart, type PersonPart, type PersonRow } from './person-parts.repository.ts';
import { UserDirectory } from './user-directory.ts';
import { UsersService } from './users.service.ts';

const PAGE = 200;
const TIME = /_(at|until|seen)$/;

/** All that is kept of a person, handed over: contract §8. */
@Injectable()
export class PersonDataService {
  readonly #storage: Storage;
  readonly #users: UserDirectory;
  readonly #accounts: UsersService;
  readonly #audit: AuditService;

  constructor(@Inject(STORAGE) storage: Storage, users: UserDirectory, accounts: UsersService, audit: AuditService) {
    this.#storage = storage;
    this.#users = users;
    this.#accounts = accounts;
    this.#audit = audit;
  }

  /**
   * Everything of a person as JSON, piece by piece, a table after the other: so that nobody's life has to fit into memory. Oneself, an
   * administrator or a key; who it was for another is recorded.
   * @throws Failure FORBIDDEN, NOT_FOUND, before the first piece
   */
  async export(caller: { actor: Actor; isAdmin: boolean }, userId: string): Promise<AsyncIterable<string>> {
    const oneself = caller.actor.kind === 'user' && caller.actor.id === userId;
    if (!oneself && !caller.isAdmin) throw new Failure('FORBIDDEN');
    await this.#users.person(userId, 'id');
    if (!oneself) await this.#audit.recordAlone({ actor: caller.actor, action: 'user.export', subject: userId });
    return this.#pieces(userId);
  }

  async *#pieces(userId: string): AsyncIterable<string> {
    yield `{"user_id":${JSON.stringify(userId)},"exported_at":"${isoTime(Date.now())}","data":{`;
    let separator = '';
    for (const [table, parts] of Map.groupBy(this.#accounts.personParts, (part) => part.table)) {
      yield `${separator}${JSON.stringify(table)}:[`;
      yield* this.#rows(parts, userId);
      yield ']';
      separator = ',';
    }
    yield '}}';
  }

  async *#rows(parts: readonly PersonPart[], userId: string): AsyncIterable<string> {
    let separator = '';
    for (const part of parts) {
      for (let last: PersonRow | undefined; ;) {
        const rows = await pagePart(this.#storage.db, part, userId, last, PAGE);
        if (rows.length === 0) break;
        yield separator + rows.map((row) => JSON.stringify(shown(row, part))).join(',');
        [separator, last] = [',', rows.at(-1)];
      }
    }
  }
}

function shown(row: PersonRow, { json = [], omit = [] }: PersonPart): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([column]) => !omit.includes(column))
      .map(([column, value]) => {
        if (typeof value === 'number' && TIME.test(column)) return [column, isoTime(value)];
        if (typeof value === 'string' && json.includes(column)) return [column, JSON.parse(value) as unknown];
        return [column, value];
      }),
  );
}
