import { Button, Group, Modal } from '@mantine/core';
import { useTranslation } from 'react-i18next';

interface ConfirmDialogProps {
  opened: boolean;
  question: string;
  /** The word on the button that does it. */
  action: string;
  onConfirm: () => void;
  onClose: () => void;
  /** Puts the focus where it belongs once the dialog has gone; by default it returns to where it was. */
  onClosed?: () => void;
}

/** Asks before something that cannot be taken back. */
export function ConfirmDialog({ opened, question, action, onConfirm, onClose, onClosed }: ConfirmDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={question}
      withCloseButton={false}
      centered
      size="sm"
      returnFocus={!onClosed}
      onExitTransitionEnd={onClosed}
    >
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose} data-autofocus>
          {t('app.cancel')}
        </Button>
        <Button
          color="red.9"
          onClick={() => {
            onClose();
            onConfirm();
          }}
        >
          {action}
        </Button>
      </Group>
    </Modal>
  );
}
