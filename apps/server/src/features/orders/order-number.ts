/** Order numbers that people can read out: `KH-2026-000123`. Pure. */

/** A number of our own form, in its parts. */
export interface NumberParts {
  year: number;
  /** 1, 2, 3 … in each year. */
  index: number;
}

const DIGITS = 6;
// Up to nine digits: an index that somebody gave stays far from where counting would end.
const OWN_FORM = /^KH-(?<year>\d{4})-(?<index>\d{6,9})$/;

/** The number of these parts. */
export function orderNumber({ year, index }: NumberParts): string {
  return `KH-${String(year).padStart(4, '0')}-${String(index).padStart(DIGITS, '0')}`;
}

/** The parts of a number of our own form; undefined for any other. */
export function numberParts(number: string): NumberParts | undefined {
  const groups = OWN_FORM.exec(number)?.groups;
  if (!groups) return undefined;
  const parts = { year: Number(groups['year']), index: Number(groups['index']) };
  return parts.index > 0 && orderNumber(parts) === number ? parts : undefined;
}
