import { describe, expect, it } from 'vitest';
import { foldText, wordsOf } from '../../src/features/search/fold.ts';
import { seededRandom } from '../support/random.ts';

describe('foldText', () => {
  it.each([
    ['alef forms', 'أإآٱا', 'ااااا'],
    ['taa marbuta', 'مدرسة', 'مدرسه'],
    ['alef maqsura', 'مستشفى', 'مستشفي'],
    ['hamza carriers', 'مؤتمر شاطئ', 'موتمر شاطي'],
    ['harakat, shadda and tanween', 'مُحَمَّدٌ', 'محمد'],
    ['tatweel', 'محـــمد', 'محمد'],
    ['presentation forms and the lam-alef ligature', 'ﻣﺤﻤﺪ ﻻ', 'محمد لا'],
    ['Arabic-Indic digits, both rows', '٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹', '0123456789 0123456789'],
    ['Persian yeh and kaf', 'کتابی', 'كتابي'],
    ['ё', 'Ёлка ёж', 'елка еж'],
    ['й stays itself', 'Йод мой', 'йод мой'],
    ['й written with a combining breve', 'мои\u0306', 'мой'],
    ['Cyrillic case', 'ПРИВЕТ', 'привет'],
    ['accents', 'Café CAFE\u0301', 'cafe cafe'],
    ['full width and ligatures', 'Ｍａｊｌｉｓ ﬁn', 'majlis fin'],
    ['ß, dotted İ, final sigma', 'Straße STRASSE İzmir ΟΔΟΣ', 'strasse strasse izmir οδοσ'],
    ['joiners and direction marks', 'می\u200cخواهم \u200fabc\u200e', 'ميخواهم abc'],
    ['Hangul is put together again', '한국어', '한국어'],
  ])('%s', (_, text, folded) => {
    expect(foldText(text)).toBe(folded);
  });

  it('changes nothing the second time, whatever the text', () => {
    const random = seededRandom();
    for (let round = 0; round < 5_000; round++) {
      const text = String.fromCodePoint(...Array.from({ length: 8 }, () => random.below(0xd800)));
      const folded = foldText(text);
      expect(foldText(folded), `SEED=${random.seed} ${JSON.stringify(text)}`).toBe(folded);
    }
  });
});

describe('wordsOf', () => {
  it('gives runs of letters and digits', () => {
    expect(wordsOf('Да, да! foo-bar_baz 10:30 foo')).toEqual(['да', 'да', 'foo', 'bar', 'baz', '10', '30', 'foo']);
  });

  it('gives nothing for what has no letters', () => {
    expect(wordsOf('👍 … "*" -- ')).toEqual([]);
  });

  it('keeps 64 characters of a longer word', () => {
    expect(wordsOf(`${'𐐨'.repeat(100)} ${'a'.repeat(64)}`)).toEqual(['𐐨'.repeat(64), 'a'.repeat(64)]);
  });
});
