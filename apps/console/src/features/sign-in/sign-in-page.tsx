import { MajlisError } from '@majlis/client';
import { Alert, Button, Menu, Paper, PasswordInput, Stack, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { Globe } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { languages } from '../../i18n/languages.ts';
import { useLanguage } from '../../i18n/use-language.ts';
import { ErrorNotice } from '../../notices/error-notice.tsx';
import { describeError } from '../../notices/notices.ts';
import { sessionEnded, signIn } from '../../session/session.ts';
import { useStore } from '../../state/store.ts';
import { LanguageItems } from '../../shell/preferences-menu.tsx';
import { Logo } from '../../shell/logo.tsx';
import classes from './sign-in-page.module.css';

export function SignInPage() {
  const { t } = useTranslation();
  const { language } = useLanguage();
  const [failure, setFailure] = useState<unknown>(null);
  const ended = useStore(sessionEnded, (state) => state);
  const required = (value: string) => (value === '' ? t('signIn.required') : null);
  const form = useForm({ initialValues: { email: '', password: '' }, validate: { email: required, password: required } });

  async function submit({ email, password }: typeof form.values) {
    setFailure(null);
    try {
      await signIn(email.trim(), password);
    } catch (error) {
      setFailure(error);
    }
  }

  return (
    <main className={classes.page}>
      <div className={classes.language}>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="subtle" color="gray" leftSection={<Globe size={16} aria-hidden="true" />}>
              {languages[language].name}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <LanguageItems />
          </Menu.Dropdown>
        </Menu>
      </div>
      <Paper className={classes.card} component="form" withBorder onSubmit={form.onSubmit(submit)} noValidate>
        <Stack gap="md">
          <div className={classes.brand}>
            <Logo size={40} />
            <span>{t('app.name')}</span>
          </div>
          <Title order={1} size="h3">
            {t('signIn.title')}
          </Title>
          {ended && failure === null && (
            <Alert color="teal" variant="light" role="alert">
              {t('errors.UNAUTHORIZED')}
            </Alert>
          )}
          {failure !== null && (
            <Alert color="red" variant="light" role="alert">
              <Failure error={failure} />
            </Alert>
          )}
          <TextInput
            label={t('signIn.email')}
            type="email"
            name="email"
            autoComplete="username"
            autoFocus
            size="md"
            classNames={{ input: classes.ltr ?? '' }}
            {...form.getInputProps('email')}
          />
          <PasswordInput
            label={t('signIn.password')}
            name="password"
            autoComplete="current-password"
            size="md"
            visibilityToggleButtonProps={{ 'aria-label': t('signIn.show') }}
            {...form.getInputProps('password')}
          />
          <Button type="submit" size="md" loading={form.submitting}>
            {t('signIn.submit')}
          </Button>
        </Stack>
      </Paper>
    </main>
  );
}

/** Here `UNAUTHORIZED` is not a session that ended but a password that is wrong. */
function Failure({ error }: { error: unknown }) {
  const { t } = useTranslation();
  const { text, code } = describeError(error);
  const refused = error instanceof MajlisError && error.code === 'UNAUTHORIZED';
  return <ErrorNotice text={refused ? t('signIn.refused') : text} code={code} />;
}
