import { Button, Center, Code, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, useRouteError } from 'react-router';

/** In place of a page that threw. The rest of the console stays usable. */
export function ErrorPage() {
  const { t } = useTranslation();
  const error = useRouteError();
  return (
    <Center h="100%" p="xl" role="alert">
      <Stack align="center" gap="sm">
        <Title order={2} size="h4">
          {t('errors.crashed')}
        </Title>
        <Code dir="ltr">{error instanceof Error ? error.message : String(error)}</Code>
        <Button onClick={() => location.reload()}>{t('errors.reload')}</Button>
      </Stack>
    </Center>
  );
}

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <Center h="100%" p="xl">
      <Stack align="center" gap="sm">
        <Text>{t('app.notFound')}</Text>
        <Button component={Link} to="/app" variant="light">
          {t('nav.chats')}
        </Button>
      </Stack>
    </Center>
  );
}
