/** Asks before leaving, because coming back takes a new invite. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Dialog, DialogActions } from '../../ui/Dialog';
import styles from './LeaveDialog.module.css';

export function LeaveDialog({ room, onClose, onLeft }: { room: RoomSummary; onClose: () => void; onLeft: () => void }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();

  const leave = async () => {
    if (await run(() => porcupine.leave(room.id))) onLeft();
  };

  return (
    <Dialog title={t('members.leaveTitle', { room: room.name })} onClose={onClose}>
      <p className={styles.text}>{t('members.leaveText')}</p>
      {error !== null && <Callout tone="danger">{wordsFor(error, t)}</Callout>}
      <DialogActions>
        <Button onClick={onClose} data-autofocus>
          {t('ui.cancel')}
        </Button>
        <Button look="danger" busy={busy} onClick={() => void leave()}>
          {t('members.leaveAction')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
