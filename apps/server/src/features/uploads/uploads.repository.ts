/** SQL over uploads. */
import type { UploadsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { UploadRecord } from './upload-record.ts';

const recordOf = (row: UploadsTable): UploadRecord => ({
  key: row.key,
  userId: row.user_id,
  kind: row.kind,
  contentType: row.content_type,
  name: row.name,
  size: row.size,
  width: row.width,
  height: row.height,
  thumbnailKey: row.thumbnail_key,
  createdAt: row.created_at,
});

const rowOf = (upload: UploadRecord): UploadsTable => ({
  key: upload.key,
  user_id: upload.userId,
  kind: upload.kind,
  content_type: upload.contentType,
  name: upload.name,
  size: upload.size,
  width: upload.width,
  height: upload.height,
  thumbnail_key: upload.thumbnailKey,
  created_at: upload.createdAt,
});

/** Adds uploads. */
export async function insertUploads(db: Database, uploads: readonly UploadRecord[]): Promise<void> {
  await db.insertInto('uploads').values(uploads.map(rowOf)).execute();
}

/** The upload of that key. */
export async function findUpload(db: Database, key: string): Promise<UploadRecord | undefined> {
  const row = await db.selectFrom('uploads').selectAll().where('key', '=', key).executeTakeFirst();
  return row && recordOf(row);
}

/** How many bytes a user has uploaded since a time, and when the first of them came. */
export async function uploadedSince(db: Database, userId: string, since: number): Promise<{ bytes: number; first: number | null }> {
  const { bytes, first } = await db
    .selectFrom('uploads')
    .select((eb) => [eb.fn.sum<number | string | null>('size').as('bytes'), eb.fn.min('created_at').as('first')])
    .where('user_id', '=', userId)
    .where('created_at', '>', since)
    .executeTakeFirstOrThrow();
  // PostgreSQL's sum is a decimal, which its driver gives as text.
  return { bytes: Number(bytes ?? 0), first };
}

/** The keys of a user's uploads, at most `limit`. */
export async function keysOf(db: Database, userId: string, limit: number): Promise<string[]> {
  const rows = await db.selectFrom('uploads').select('key').where('user_id', '=', userId).limit(limit).execute();
  return rows.map(({ key }) => key);
}

/** Removes uploads. */
export async function deleteUploads(db: Database, keys: readonly string[]): Promise<void> {
  await db.deleteFrom('uploads').where('key', 'in', keys).execute();
}
