import { DirectionProvider, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { useEffect, type PropsWithChildren } from 'react';
import { RouterProvider } from 'react-router/dom';
import { SignInPage } from './features/sign-in/sign-in-page.tsx';
import { preferredLanguage } from './i18n/languages.ts';
import { useDocumentLanguage, useLanguage } from './i18n/use-language.ts';
import { router } from './router.tsx';
import { MajlisProvider } from './session/majlis.tsx';
import { sessionUser } from './session/session.ts';
import { useStore } from './state/store.ts';
import { sections } from './shell/sections.ts';
import { cssVariables, theme } from './theme.ts';

export function App() {
  return (
    <DirectionProvider initialDirection="ltr">
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <Notifications position="top-center" containerWidth={360} />
        <Gate />
      </MantineProvider>
    </DirectionProvider>
  );
}

/** Whoever is not signed in signs in where they are: the address stays what they came for. */
function Gate() {
  useDocumentLanguage();
  const { language } = useLanguage();
  const me = useStore(sessionUser, (user) => user);
  if (!me) return <SignInPage />;
  return (
    <MajlisProvider key={me.id} me={me} locale={language}>
      <AccountLanguage wish={me.locale} />
      <Live>
        <RouterProvider router={router} />
      </Live>
    </MajlisProvider>
  );
}

/** Goes over to the language of the account, unless another was chosen here. */
function AccountLanguage({ wish }: { wish: Parameters<typeof preferredLanguage>[0] }) {
  const { language, change } = useLanguage();
  useEffect(() => {
    const preferred = preferredLanguage(wish);
    if (preferred !== language) change(preferred);
    // Only on signing in: later on the choice is the user's.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wish]);
  return null;
}

/** What sections keep current from live events, whichever of them is on the screen. */
function Live({ children }: PropsWithChildren) {
  return sections.reduceRight((inner, { Live: SectionLive }) => (SectionLive ? <SectionLive>{inner}</SectionLive> : inner), children);
}
