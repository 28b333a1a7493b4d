import { Button, Text, Tooltip } from '@mantine/core';
import { CloudOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useConnectionState, useMajlis } from '../session/majlis.tsx';
import classes from './shell.module.css';

/** A dot that says how the connection is; its words are for those who cannot see the colour. */
export function ConnectionDot() {
  const { t } = useTranslation();
  const state = useConnectionState();
  return (
    <Tooltip label={t(`connection.${state}`)} position="right">
      <span className={classes.dot} data-state={state} role="img" aria-label={t(`connection.${state}`)} />
    </Tooltip>
  );
}

/** Across the page while there is no connection: what you do meanwhile is not lost. */
export function ConnectionBanner() {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const state = useConnectionState();
  const away = state === 'reconnecting' || state === 'closed';
  return (
    <div role="status" aria-live="polite">
      {away && (
        <div className={classes.banner}>
          <CloudOff size={16} aria-hidden="true" />
          <Text size="sm" span>
            <b>{t(`connection.${state}`)}</b> {state === 'reconnecting' && t('connection.keepsMessages')}
          </Text>
          {state === 'closed' && (
            <Button size="compact-sm" variant="white" onClick={() => void majlis.connect().catch(() => undefined)}>
              {t('connection.reconnect')}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
