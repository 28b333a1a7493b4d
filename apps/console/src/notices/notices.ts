import { MajlisError } from '@majlis/client';
import { notifications } from '@mantine/notifications';
import i18next from 'i18next';
import { createElement } from 'react';
import { en } from '../i18n/en.ts';
import { ErrorNotice } from './error-notice.tsx';

type ErrorKey = keyof typeof en.errors;

/** What an error says to a person, in the present language, and its code. */
export function describeError(error: unknown): { text: string; code: string | null } {
  const code = error instanceof MajlisError ? error.code : null;
  const known = code !== null && Object.hasOwn(en.errors, code);
  return { text: i18next.t(`errors.${known ? (code as ErrorKey) : 'other'}`), code };
}

/** Shows an error until it is closed or has been there for a while. The same error twice is one notice. */
export function showError(error: unknown): void {
  const { text, code } = describeError(error);
  const id = `error-${code ?? 'other'}`;
  notifications.hide(id);
  notifications.show({
    id,
    color: 'red',
    message: createElement(ErrorNotice, { text, code }),
    autoClose: 8000,
    withBorder: true,
    role: 'alert',
    closeButtonProps: { 'aria-label': i18next.t('app.close') },
  });
}
