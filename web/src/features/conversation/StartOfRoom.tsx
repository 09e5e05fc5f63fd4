/** The top of a conversation: what is encrypted here and what isn't, and a first step while alone. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { Button } from '../../ui/Button';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import styles from './StartOfRoom.module.css';

export function StartOfRoom({ room, onInvite }: { room: RoomSummary; onInvite: () => void }) {
  const { t } = useTranslation();
  const alone = room.memberCount <= 1;
  return (
    <EmptyState
      mark={
        <span className={styles.mark} data-open={!room.encrypted || undefined}>
          <Icon name={room.encrypted ? 'lock' : 'unlocked'} size={24} />
        </span>
      }
      title={t('conversation.start', { room: room.name })}
      actions={
        alone && (
          <Button look="primary" icon="invite" onClick={onInvite}>
            {t('conversation.startInvite')}
          </Button>
        )
      }
    >
      <p className={styles.text}>{room.encrypted ? t('conversation.startEncrypted') : t('conversation.startPlain')}</p>
    </EmptyState>
  );
}
