/** What notifications of our own say, in the language of the one who gets them. Pure. */
import type { Locale } from '@majlis/contract';

/** The words of one type, in each language. */
export type Wording<Facts> = Readonly<Record<Locale, { title: string; body: (facts: Facts) => string }>>;

/** @param locale the reader's; null: English, the language of the surface that these types belong to */
export function inWords<Facts>(wording: Wording<Facts>, locale: Locale | null, facts: Facts): { title: string; body: string } {
  const { title, body } = wording[locale ?? 'en'];
  return { title, body: body(facts) };
}

const EXCERPT_CHARACTERS = 140;

/** The beginning of a text, as a notification shows it. */
export function excerpt(text: string): string {
  const characters = Array.from(text.slice(0, 2 * EXCERPT_CHARACTERS + 1));
  return characters.length > EXCERPT_CHARACTERS ? `${characters.slice(0, EXCERPT_CHARACTERS).join('')}…` : text;
}
