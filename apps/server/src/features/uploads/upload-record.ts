import type { v2 } from '@majlis/contract';

/** An upload as the domain knows it. Times are milliseconds. */
export interface UploadRecord {
  key: string;
  userId: string;
  kind: v2.UploadKind;
  contentType: string;
  name: string | null;
  /** Bytes. */
  size: number;
  /** Of a photo, in pixels. */
  width: number | null;
  height: number | null;
  /** Of a photo: the key of its thumbnail, which is an upload too. */
  thumbnailKey: string | null;
  createdAt: number;
}
