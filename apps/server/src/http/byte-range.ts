/** What a conditional or partial GET of something that never changes is answered with: RFC 9110, sections 13 and 14. */
import parseRange from 'range-parser';

/** What is sent of the content. */
export type Selection =
  | { status: 200 }
  /** From the first to the last byte, both included. */
  | { status: 206; start: number; end: number }
  | { status: 304 }
  | { status: 416 };

interface Conditions {
  range?: string | undefined;
  'if-range'?: string | undefined;
  'if-none-match'?: string | undefined;
}

/**
 * What is sent of content of `size` bytes. Several ranges at once, and a range of what the client had in another version, are
 * answered with all of it, as they may be.
 */
export function selectionOf(headers: Conditions, etag: string, size: number): Selection {
  const known = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known?.some((tag) => tag === etag || tag === '*')) return { status: 304 };
  const { range, 'if-range': ifRange = etag } = headers;
  if (range === undefined || ifRange !== etag) return { status: 200 };
  const ranges = parseRange(size, range);
  if (ranges === -1) return { status: 416 };
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return { status: 200 };
  return { status: 206, ...ranges[0]! };
}
