/** What two spellings of one word have in common. Used on what is indexed and on what is asked, so it must never change one without the other. */

/** Letters that stay apart when marks are taken off, and are taken for one another by those who write them. */
const SAME_LETTERS: Readonly<Record<string, string>> = {
  // Alef wasla; the other alef forms and the hamza carriers lose their hamza and madda as marks.
  ٱ: 'ا',
  ة: 'ه',
  ى: 'ي',
  // Persian keyboards.
  ی: 'ي',
  ک: 'ك',
  ς: 'σ',
};
const TATWEEL = 'ـ';
const ARABIC_DIGITS = /[٠-٩۰-۹]/g;
const LETTERS = new RegExp(`[${Object.keys(SAME_LETTERS).join('')}]`, 'g');
// Invisible joiners and direction marks stand inside words.
const MARKS = new RegExp(`[\\p{M}\\p{Cf}${TATWEEL}]`, 'gu');
// eslint-disable-next-line no-control-regex
const ASCII = /^[\u0000-\u007f]*$/;

/**
 * Folds text for comparison: compatibility forms (NFKC), case, alef forms, taa marbuta, alef maqsura, hamza carriers, tatweel,
 * every combining mark (harakat and accents; й stays itself), ё, and Arabic digits. Folding again changes nothing.
 */
export function foldText(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return (
    text
      .normalize('NFKC')
      // Down, up and down again: ß, ẞ and ss, İ and i meet only there.
      .toLowerCase()
      .toUpperCase()
      .toLowerCase()
      .normalize('NFKD')
      .replaceAll('и\u0306', 'й')
      .replace(MARKS, '')
      .replace(LETTERS, (letter) => SAME_LETTERS[letter]!)
      // Both rows of digits end in their value.
      .replace(ARABIC_DIGITS, (digit) => String(digit.charCodeAt(0) & 0xf))
      .normalize('NFC')
  );
}

// PostgreSQL's lexemes end at 2 KiB; a longer word is found by its beginning.
const WORD_CHARACTERS = 64;
const WORD = /[\p{L}\p{N}]+/gu;

/** The folded words of a text: runs of letters and digits. */
export function wordsOf(text: string): string[] {
  return foldText(text).match(WORD)?.map(shorten) ?? [];
}

function shorten(word: string): string {
  return word.length <= WORD_CHARACTERS ? word : Array.from(word).slice(0, WORD_CHARACTERS).join('');
}
