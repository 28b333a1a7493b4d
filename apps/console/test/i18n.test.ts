import i18next from 'i18next';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '@majlis/contract';
import { ar } from '../src/i18n/ar.ts';
import { en } from '../src/i18n/en.ts';
import { ru } from '../src/i18n/ru.ts';

const texts = { en, ar, ru } as unknown as Record<string, Record<string, Record<string, string>>>;
const placeholders = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((found) => found[1]).toSorted();

describe.each(Object.keys(texts))('texts in %s', (language) => {
  it('use the placeholders of the English ones; the count may be a word', () => {
    for (const [section, entries] of Object.entries(texts[language] ?? {})) {
      for (const [key, text] of Object.entries(entries)) {
        const english = texts['en']?.[section]?.[key] ?? texts['en']?.[section]?.[key.replace(/_(zero|two|few|many)$/, '_other')] ?? '';
        const wanted = placeholders(english).filter((name) => name !== 'count');
        expect(
          placeholders(text).filter((name) => name !== 'count'),
          `${section}.${key}`,
        ).toEqual(wanted);
      }
    }
  });

  it('have every plural form that the language has', async () => {
    await i18next.init({ lng: language, resources: { [language]: { translation: texts[language] ?? {} } } });
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [section, entries] of Object.entries(en)) {
      for (const key of Object.keys(entries).filter((name) => name.endsWith('_other'))) {
        for (const form of forms) expect(texts[language]?.[section], section).toHaveProperty(key.replace('_other', `_${form}`));
      }
    }
  });

  it('explain every error code of the contract', () => {
    expect(Object.keys(texts[language]?.['errors'] ?? {})).toEqual(expect.arrayContaining(Object.keys(ERRORS)));
  });
});
