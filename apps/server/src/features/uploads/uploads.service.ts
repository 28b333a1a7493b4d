import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SETTINGS } from '../../config/config.module.ts';
import { makeFolder } from '../../config/make-folder.ts';
import { cannotKeep, type Settings } from '../../config/settings.ts';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { BLOBS, type BlobStore, type ByteRange } from './blob-store.ts';
import { mediaOf, sniffType } from './media-type.ts';
import { Thumbnails, THUMBNAIL_TYPE } from './thumbnails.ts';
import type { UploadRecord } from './upload-record.ts';
import { deleteUploads, findUpload, insertUploads, keysOf, uploadedSince } from './uploads.repository.ts';

/** Who uploads. */
export interface Uploader {
  userId: string;
  /** The customer's backend, which has no limits. */
  isUnlimited: boolean;
}

/** A file that came in. */
export interface IncomingFile {
  name: string | null;
  size: number;
  /** What its sender says that it is. */
  kind: v2.UploadKind | undefined;
}

/** Writes what comes in to `path`. @throws Failure where it is too large, too slow, or no form */
export type Receive = (path: string, bounds: { maxBytes: number; timeoutMs: number }) => Promise<IncomingFile>;

const KEY_BYTES = 16;
const KEY_FORM = /^[0-9a-f]{32}$/;
const newKey = () => randomBytes(KEY_BYTES).toString('hex');

const DAY_MS = 86_400_000;
// What is that old in the folder of what comes in was left there by a crash.
const ABANDONED_MS = 3_600_000;
const PORTION = 500;
// Of one user on one node: what is still coming is in no sum yet.
const AT_ONCE = 5;
const RETRY_AFTER_MS = 1_000;

/**
 * Files that people send. An upload can be read as soon as it is stored, by whoever knows its key; nobody has to confirm it, and it
 * stays until its uploader is erased, because anything may refer to its URL.
 */
@Injectable()
export class UploadsService implements OnModuleInit {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #blobs: BlobStore;
  readonly #thumbnails: Thumbnails;
  readonly #settings: Settings;
  readonly #incoming: string;
  /** How many uploads of a user are coming in. */
  readonly #underWay = new Map<string, number>();

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    @Inject(BLOBS) blobs: BlobStore,
    thumbnails: Thumbnails,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#blobs = blobs;
    this.#thumbnails = thumbnails;
    this.#settings = settings;
    this.#incoming = join(settings.DATA_DIR, 'uploads', 'incoming');
  }

  async onModuleInit(): Promise<void> {
    try {
      makeFolder(this.#incoming);
    } catch (error) {
      throw cannotKeep('uploads', this.#settings.DATA_DIR, error);
    }
    for (const name of await readdir(this.#incoming)) {
      const file = join(this.#incoming, name);
      // Another node on the same folder may be faster.
      const changed = (await stat(file).catch(() => undefined))?.mtimeMs ?? Infinity;
      if (changed < Date.now() - ABANDONED_MS) await rm(file, { force: true });
    }
  }

  /**
   * Stores one file.
   * @throws Failure INVALID_DATA (it is not what it is called, or empty), MESSAGE_TOO_LARGE, RATE_LIMIT (over what a user may upload in a
   * day, or at once), UNAVAILABLE
   */
  async store(uploader: Uploader, receive: Receive): Promise<UploadRecord> {
    const { userId, isUnlimited } = uploader;
    const underWay = this.#underWay.get(userId) ?? 0;
    if (underWay >= AT_ONCE && !isUnlimited)
      throw new Failure('RATE_LIMIT', { retry_after_ms: RETRY_AFTER_MS, problem: `more than ${AT_ONCE} uploads at once` });
    this.#underWay.set(userId, underWay + 1);
    try {
      return await this.#store(uploader, receive);
    } finally {
      const left = this.#underWay.get(userId)! - 1;
      if (left > 0) this.#underWay.set(userId, left);
      else this.#underWay.delete(userId);
    }
  }

  async #store({ userId, isUnlimited }: Uploader, receive: Receive): Promise<UploadRecord> {
    const { UPLOAD_MAX_BYTES, UPLOAD_MAX_BYTES_PER_DAY, UPLOAD_TIMEOUT_S } = this.#settings;
    const perDay = isUnlimited ? Infinity : UPLOAD_MAX_BYTES_PER_DAY;
    // Asked twice: here so that what there is no room for need not be sent, and where it is stored, because others came meanwhile.
    await refuseOverDay(this.#storage.db, userId, perDay, Date.now());
    const file = join(this.#incoming, randomUUID());
    const thumbnailFile = `${file}.thumbnail`;
    try {
      const incoming = await receive(file, { maxBytes: UPLOAD_MAX_BYTES, timeoutMs: UPLOAD_TIMEOUT_S * 1000 });
      const uploads = await this.#examine(userId, incoming, file, thumbnailFile);
      const files = [file, thumbnailFile];
      const keys = uploads.map(({ key }) => key);
      try {
        for (const [i, { key, contentType }] of uploads.entries()) await this.#blobs.put(key, files[i]!, contentType);
        return await this.#queue.run([], async (tx) => {
          await refuseOverDay(tx.db, userId, perDay, tx.now);
          // An erasure that has begun does not come back to what is stored after it.
          if ((await this.#users.load(userId))?.erased !== false) throw new Failure('UNAUTHORIZED');
          const stored = uploads.map((upload) => ({ ...upload, createdAt: tx.now }));
          await insertUploads(tx.db, stored);
          return stored[0]!;
        });
      } catch (error) {
        for (const key of keys) await this.#blobs.delete(key).catch(() => undefined);
        throw error;
      }
    } finally {
      for (const left of [file, thumbnailFile]) await rm(left, { force: true });
    }
  }

  /** An upload. @throws Failure NOT_FOUND */
  async get(key: string): Promise<UploadRecord> {
    const upload = KEY_FORM.test(key) ? await findUpload(this.#storage.db, key) : undefined;
    if (!upload) throw new Failure('NOT_FOUND');
    return upload;
  }

  /** The content of an upload, or a part of it. @throws Failure NOT_FOUND */
  read({ key }: UploadRecord, range?: ByteRange): Promise<Readable> {
    return this.#blobs.read(key, range);
  }

  /** Removes all that a person uploaded: first the contents, so that what is interrupted can be done again. */
  async erase(userId: string): Promise<void> {
    for (;;) {
      const keys = await keysOf(this.#storage.db, userId, PORTION);
      if (keys.length === 0) return;
      for (const key of keys) await this.#blobs.delete(key);
      await this.#queue.run([], (tx) => deleteUploads(tx.db, keys));
    }
  }

  /** What a file is: the upload, and for a photo its thumbnail. */
  async #examine(userId: string, { name, size, kind: declared }: IncomingFile, file: string, thumbnailFile: string) {
    if (size === 0) throw invalid('file', 'is empty');
    const type = await sniffType(file);
    const media = mediaOf(type, declared);
    if (!media) throw invalid('file', `is not a ${declared}`);
    const picture = media.kind === 'photo' ? await this.#thumbnails.make(file, thumbnailFile) : undefined;
    if (declared === 'photo' && !picture) throw invalid('file', 'is not an image that can be decoded');
    const upload: UploadRecord = {
      key: newKey(),
      userId,
      // What only begins like an image is not shown as one.
      ...(media.kind === 'photo' && !picture ? mediaOf(type, 'file')! : media),
      name,
      size,
      width: picture?.width ?? null,
      height: picture?.height ?? null,
      thumbnailKey: picture ? newKey() : null,
      createdAt: 0,
    };
    if (!picture) return [upload];
    const thumbnail: UploadRecord = {
      ...upload,
      key: upload.thumbnailKey!,
      contentType: THUMBNAIL_TYPE,
      name: null,
      ...picture.thumbnail,
      thumbnailKey: null,
    };
    return [upload, thumbnail];
  }
}

/** @throws Failure RATE_LIMIT where the user has uploaded more than `perDay` bytes within a day */
async function refuseOverDay(db: Database, userId: string, perDay: number, now: number): Promise<void> {
  const { bytes, first } = await uploadedSince(db, userId, now - DAY_MS);
  if (bytes <= perDay) return;
  throw new Failure('RATE_LIMIT', { retry_after_ms: (first ?? now) + DAY_MS - now, problem: `more than ${perDay} bytes in a day` });
}
