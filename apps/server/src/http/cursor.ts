/** Opaque cursors of lists: contract §8. A cursor says where a page ended and not whose list it was, so it carries no rights. */
import { payloadProblem } from '@majlis/contract';
import { z } from 'zod';
import { invalid } from '../errors.ts';

/** The cursors of one list. */
export interface Cursors<Position> {
  /** The cursor of a place in the list's order; null where there is none: the list has ended. */
  encode(position: Position | undefined): string | null;
  /** @throws Failure INVALID_DATA naming `cursor`, where it is not a cursor of this list */
  decode(cursor: string | undefined): Position | undefined;
}

// First in each cursor: what an older server gave out is refused, not misread.
const VERSION = 1;
const CHARACTERS = 4_096;

/**
 * The cursors of a list.
 * @param list its name; a cursor of another list is refused
 * @param position what a place in its order is made of: texts and whole numbers
 */
export function cursorsOf<Position>(list: string, position: z.ZodType<Position>): Cursors<Position> {
  const content = z.tuple([z.literal(VERSION), z.literal(list), position]);
  return {
    encode: (place) => (place === undefined ? null : Buffer.from(JSON.stringify([VERSION, list, place])).toString('base64url')),
    decode(cursor) {
      if (cursor === undefined) return undefined;
      const read = content.safeParse(parse(cursor));
      if (!read.success) throw invalid('cursor', 'is not a cursor of this list');
      return read.data[2];
    },
  };
}

// What a database could not compare with its columns was never put into a cursor.
function parse(cursor: string): unknown {
  if (cursor.length > CHARACTERS) return undefined;
  try {
    const wholeNumbers = (_key: string, value: unknown) => (typeof value === 'number' && !Number.isSafeInteger(value) ? null : value);
    const content = JSON.parse(Buffer.from(cursor, 'base64url').toString(), wholeNumbers) as unknown;
    return payloadProblem(content) ? undefined : content;
  } catch {
    return undefined;
  }
}
