import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { ar } from './ar.ts';
import { en } from './en.ts';
import { preferredLanguage } from './languages.ts';
import { ru } from './ru.ts';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

/** Starts translation with all three languages at hand: together they are smaller than one more request is slow. */
export async function startI18n(): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, ar: { translation: ar }, ru: { translation: ru } },
    lng: preferredLanguage(null),
    fallbackLng: 'en',
    interpolation: { escapeValue: false },
  });
}
