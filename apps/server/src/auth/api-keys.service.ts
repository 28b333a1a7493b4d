import { Inject, Injectable } from '@nestjs/common';
import { hash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { Failure } from '../errors.ts';
import { AuditService, type Actor } from '../features/audit/audit.service.ts';
import { DIRECTORY_STREAM } from '../features/users/user-directory.ts';
import { Follower } from '../log/follower.ts';
import { WriteQueue } from '../log/write-queue.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { findGoodKeys, insertKey, pageKeys, revokeKey } from './api-keys.repository.ts';

/** A key as administrators see it. Times are milliseconds. */
export interface ApiKeyRecord {
  id: string;
  name: string;
  createdBy: string;
  createdAt: number;
  revokedAt: number | null;
}

/** The kind of the directory's entries that tell every node that there are other keys now. */
const KEYS_CHANGED = 'api-keys.changed';
const SHOWN_OF_HASH = 12;

const digest = (key: string) => hash('sha256', key);

/** The keys with which customers' backends call: those of `API_KEYS`, and those that administrators made, of which only hashes are kept. */
@Injectable()
export class ApiKeysService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #audit: AuditService;
  /** Ids of keys by their hash: a look-up by hash tells nothing of a key by its time. */
  readonly #ofEnvironment: ReadonlyMap<string, string>;
  /** Of the store, in memory until the log tells of a change. */
  #stored: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    audit: AuditService,
    follower: Follower,
    @Inject(SETTINGS) { API_KEYS }: Settings,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#audit = audit;
    this.#ofEnvironment = new Map(API_KEYS.map(digest).map((hashed) => [hashed, `environment:${hashed.slice(0, SHOWN_OF_HASH)}`]));
    follower.onEntry(({ stream, kind }) => {
      if (stream === DIRECTORY_STREAM && kind === KEYS_CHANGED) this.#stored = undefined;
    });
  }

  /** The id of a key; undefined where it is none of this server's. Asks the store only after a change. */
  async idOf(key: string): Promise<string | undefined> {
    const hashed = digest(key);
    return this.#ofEnvironment.get(hashed) ?? (await this.#load()).get(hashed);
  }

  /** Makes a key, which is told this once. @throws Failure FORBIDDEN */
  async create(caller: { actor: Actor; isAdmin: boolean }, name: string): Promise<ApiKeyRecord & { key: string }> {
    const { id: createdBy } = requireAdministrator(caller);
    const key = `mk_${randomBytes(32).toString('base64url')}`;
    return this.#queue.run([DIRECTORY_STREAM], async (tx) => {
      const id = uuidv7();
      await insertKey(tx.db, { id, name, hash: digest(key), created_by: createdBy, created_at: tx.now, revoked_at: null });
      await this.#audit.record(tx, { actor: caller.actor, action: 'api-key.make', subject: id, details: { name } });
      tx.append(DIRECTORY_STREAM, KEYS_CHANGED, {});
      return { id, name, createdBy, createdAt: tx.now, revokedAt: null, key };
    });
  }

  /** Revokes a key. @throws Failure FORBIDDEN, NOT_FOUND where it is none, or was revoked before */
  async revoke(caller: { actor: Actor; isAdmin: boolean }, id: string): Promise<void> {
    requireAdministrator(caller);
    await this.#queue.run([DIRECTORY_STREAM], async (tx) => {
      const name = await revokeKey(tx.db, id, tx.now);
      if (name === undefined) throw new Failure('NOT_FOUND', { field: 'id' });
      await this.#audit.record(tx, { actor: caller.actor, action: 'api-key.revoke', subject: id, details: { name } });
      tx.append(DIRECTORY_STREAM, KEYS_CHANGED, {});
    });
  }

  /** A page of keys, the latest first, and where it ends if there is more. @throws Failure FORBIDDEN */
  async list(
    caller: { actor: Actor; isAdmin: boolean },
    before: string | undefined,
    limit: number,
  ): Promise<{ keys: ApiKeyRecord[]; end: string | undefined }> {
    requireAdministrator(caller);
    const found = await pageKeys(this.#storage.db, before, limit + 1);
    const keys = found
      .slice(0, limit)
      .map((row) => ({ id: row.id, name: row.name, createdBy: row.created_by, createdAt: row.created_at, revokedAt: row.revoked_at }));
    return { keys, end: found.length > limit ? keys.at(-1)?.id : undefined };
  }

  #load(): Promise<ReadonlyMap<string, string>> {
    if (this.#stored) return this.#stored;
    const loading = findGoodKeys(this.#storage.db).then((rows) => new Map(rows.map(({ id, hash: hashed }) => [hashed, id])));
    this.#stored = loading;
    loading.catch(() => {
      if (this.#stored === loading) this.#stored = undefined;
    });
    return loading;
  }
}

/** A key must not make another: one that leaked could not be taken back. */
function requireAdministrator({ actor, isAdmin }: { actor: Actor; isAdmin: boolean }): Actor {
  if (actor.kind !== 'user' || !isAdmin) throw new Failure('FORBIDDEN');
  return actor;
}
