import { Menu, Text, UnstyledButton, VisuallyHidden, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { LogOut, Monitor, Moon, Sun } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Person } from '../features/people/person-avatar.tsx';
import { isLocale, languages } from '../i18n/languages.ts';
import { useLanguage } from '../i18n/use-language.ts';
import { useMajlis } from '../session/majlis.tsx';
import { signOut } from '../session/session.ts';
import classes from './shell.module.css';

const schemes = [
  { scheme: 'light', icon: Sun },
  { scheme: 'dark', icon: Moon },
  { scheme: 'auto', icon: Monitor },
] as const;

export function PreferencesMenu() {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="right-end" width={220}>
      <Menu.Target>
        <UnstyledButton className={classes.account}>
          <VisuallyHidden>{t('preferences.open')}</VisuallyHidden>
          <Person id={me.id} name={me.name} avatar={me.avatar} size={38} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Text px="sm" pt={6} fw={600} size="sm" dir="auto" truncate>
          {me.name}
        </Text>
        <Text px="sm" pb={6} size="xs" c="dimmed" dir="ltr" ta="start" truncate>
          {me.email}
        </Text>
        <Menu.Divider />
        <LanguageItems />
        <Menu.Divider />
        <Menu.Label>{t('preferences.appearance')}</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}>
          {schemes.map(({ scheme, icon: Icon }) => (
            <Menu.RadioItem key={scheme} value={scheme} rightSection={<Icon size={16} aria-hidden="true" />}>
              {t(`preferences.${scheme}`)}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut size={16} aria-hidden="true" />} onClick={signOut}>
          {t('preferences.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** One item for each language, each in its own words. */
export function LanguageItems() {
  const { t } = useTranslation();
  const { language, change } = useLanguage();
  return (
    <>
      <Menu.Label>{t('preferences.language')}</Menu.Label>
      <Menu.RadioGroup value={language} onChange={(chosen) => isLocale(chosen) && change(chosen)}>
        {Object.entries(languages).map(([locale, { name }]) => (
          <Menu.RadioItem key={locale} value={locale} lang={locale} closeMenuOnClick>
            {name}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </>
  );
}
