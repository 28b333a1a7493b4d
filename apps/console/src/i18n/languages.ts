import type { Locale } from '@majlis/contract';

export type { Locale };

interface Language {
  name: string;
  dir: 'ltr' | 'rtl';
  /** For dates and numbers; Arabic with the digits that its texts here are written with. */
  format: string;
}

export const languages: Readonly<Record<Locale, Language>> = {
  en: { name: 'English', dir: 'ltr', format: 'en-GB' },
  ar: { name: 'العربية', dir: 'rtl', format: 'ar-u-nu-latn' },
  ru: { name: 'Русский', dir: 'ltr', format: 'ru' },
};

const STORAGE_KEY = 'majlis:language';

export function isLocale(value: unknown): value is Locale {
  return typeof value === 'string' && Object.hasOwn(languages, value);
}

/** What was chosen here, then what the account says, then what the browser asks for. */
export function preferredLanguage(account: Locale | null): Locale {
  const wishes = [localStorage.getItem(STORAGE_KEY), account, ...navigator.languages.map((tag) => tag.split('-')[0])];
  return wishes.find(isLocale) ?? 'en';
}

export function rememberLanguage(language: Locale): void {
  localStorage.setItem(STORAGE_KEY, language);
}
