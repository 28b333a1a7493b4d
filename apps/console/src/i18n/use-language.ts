import { useDirection } from '@mantine/core';
import { useCallback, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { isLocale, languages, rememberLanguage, type Locale } from './languages.ts';

/** The present language, and how to change it. */
export function useLanguage(): { language: Locale; change: (language: Locale) => void } {
  const { i18n } = useTranslation();
  const change = useCallback(
    (language: Locale) => {
      rememberLanguage(language);
      void i18n.changeLanguage(language);
    },
    [i18n],
  );
  return { language: isLocale(i18n.language) ? i18n.language : 'en', change };
}

/** Keeps the document's language and direction those of the texts. To be used once. */
export function useDocumentLanguage(): void {
  const { language } = useLanguage();
  const { setDirection } = useDirection();
  useEffect(() => {
    document.documentElement.lang = language;
    setDirection(languages[language].dir);
  }, [language, setDirection]);
}
