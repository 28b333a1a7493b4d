/** Uploads as the v2 surface shows them. Pure. */
import type { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { UploadRecord } from './upload-record.ts';

/** @param urlOf the absolute URL of a key */
export function toV2Upload(upload: UploadRecord, urlOf: (key: string) => string): v2.Upload {
  return {
    key: upload.key,
    url: urlOf(upload.key),
    kind: upload.kind,
    content_type: upload.contentType,
    size: upload.size,
    name: upload.name,
    width: upload.width,
    height: upload.height,
    thumbnail: upload.thumbnailKey === null ? null : urlOf(upload.thumbnailKey),
    created_at: isoTime(upload.createdAt),
  };
}
