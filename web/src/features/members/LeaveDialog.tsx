/** Asks before leaving, or before one stops waiting to be let in, because coming back takes a new invite. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Dialog, DialogActions } from '../../ui/Dialog';
import styles from './LeaveDialog.module.css';

interface LeaveDialogProps {
  room: RoomSummary;
  /** The user waits to be let in. */
  waiting: boolean;
  onClose: () => void;
  onLeft: () => void;
}

export function LeaveDialog({ room, waiting, onClose, onLeft }: LeaveDialogProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();

  const leave = async () => {
    if (await run(() => porcupine.leave(room.id))) onLeft();
  };

  return (
    <Dialog title={t(waiting ? 'members.withdrawTitle' : 'members.leaveTitle', { room: room.name })} onClose={onClose}>
      <p className={styles.text}>{t(waiting ? 'members.withdrawText' : 'members.leaveText')}</p>
      {error !== null && <Callout tone="danger">{wordsFor(error, t)}</Callout>}
      <DialogActions>
        <Button onClick={onClose} data-autofocus>
          {t('ui.cancel')}
        </Button>
        <Button look="danger" busy={busy} onClick={() => void leave()}>
          {t(waiting ? 'members.withdrawAction' : 'members.leaveAction')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
