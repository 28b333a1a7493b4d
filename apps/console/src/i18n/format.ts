import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { languages } from './languages.ts';
import { useLanguage } from './use-language.ts';

/** The local calendar day of a time, as a key that sorts and compares. */
export function dayKey(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

/** Whole calendar days from `date` to `now`; summer time does not make a day of 23 hours less than one. */
export function daysBefore(date: Date, now: Date): number {
  const midnight = (of: Date) => Date.UTC(of.getFullYear(), of.getMonth(), of.getDate());
  return Math.round((midnight(now) - midnight(date)) / 86_400_000);
}

/** Formats for the present language. */
export function useFormat() {
  const { language } = useLanguage();
  const { t } = useTranslation();
  return useMemo(() => {
    const tag = languages[language].format;
    const time = new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit' });
    const weekday = new Intl.DateTimeFormat(tag, { weekday: 'short' });
    const date = new Intl.DateTimeFormat(tag, { day: 'numeric', month: 'short' });
    const dateWithYear = new Intl.DateTimeFormat(tag, { day: 'numeric', month: 'short', year: 'numeric' });
    const longDate = new Intl.DateTimeFormat(tag, { weekday: 'long', day: 'numeric', month: 'long' });
    const longDateWithYear = new Intl.DateTimeFormat(tag, { day: 'numeric', month: 'long', year: 'numeric' });
    const exact = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' });
    const number = new Intl.NumberFormat(tag);
    const thisYear = (value: Date) => value.getFullYear() === new Date().getFullYear();
    return {
      time: (iso: string) => time.format(new Date(iso)),
      exact: (iso: string) => exact.format(new Date(iso)),
      number: (value: number) => number.format(value),
      /** As short as it can be told: the time today, the weekday this week, otherwise the date. */
      brief(iso: string): string {
        const value = new Date(iso);
        const days = daysBefore(value, new Date());
        if (days <= 0) return time.format(value);
        if (days === 1) return t('conversation.yesterday');
        if (days < 7) return weekday.format(value);
        return (thisYear(value) ? date : dateWithYear).format(value);
      },
      /** Heading of a day in a conversation. */
      day(value: Date): string {
        const days = daysBefore(value, new Date());
        if (days === 0) return t('conversation.today');
        if (days === 1) return t('conversation.yesterday');
        return (thisYear(value) ? longDate : longDateWithYear).format(value);
      },
    };
  }, [language, t]);
}
