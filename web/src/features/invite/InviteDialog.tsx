/** The two ways into a room: a link that carries a secret, and a code that is easy to say aloud. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { CopyButton } from '../../ui/CopyButton';
import { Dialog } from '../../ui/Dialog';
import { Section } from '../../ui/Section';
import styles from './InviteDialog.module.css';
import { InviteLink } from './InviteLink';

export function InviteDialog({ room, onClose }: { room: RoomSummary; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t('invite.title', { room: room.name })} onClose={onClose}>
      <InviteLink room={room} />
      {room.code !== null && (
        <Section title={t('invite.byCode')}>
          <div className={styles.codeRow}>
            <output className={styles.code} data-testid="room-code">
              {room.code}
            </output>
            <CopyButton text={room.code} label={t('invite.copyCode')} />
          </div>
          {room.encrypted && <p className={styles.note}>{t('invite.codeNote')}</p>}
        </Section>
      )}
    </Dialog>
  );
}
