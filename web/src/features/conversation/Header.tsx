/** The room's name, who can read along, and the ways to its members. */
import { useTranslation } from 'react-i18next';
import type { RoomSummary } from '@porcupine/sdk';
import { homePath, navigate } from '../../lib/router';
import { PHONE, useMedia } from '../../lib/useMedia';
import { Avatar } from '../../ui/Avatar';
import { IconButton } from '../../ui/Button';
import { Icon } from '../../ui/Icon';
import styles from './Header.module.css';

interface HeaderProps {
  room: RoomSummary;
  membersShown: boolean;
  onMembers: () => void;
  onInvite: () => void;
}

export function Header({ room, membersShown, onMembers, onInvite }: HeaderProps) {
  const { t } = useTranslation();
  const phone = useMedia(PHONE);
  const inside = room.role !== 'pending';

  return (
    <header className={styles.header}>
      {phone && <IconButton icon="back" label={t('ui.back')} onClick={() => navigate(homePath)} />}
      <Avatar id={room.id} name={room.name} square />
      <div className={styles.words}>
        <h1 id="room-title" className={`${styles.name} ellipsis`} tabIndex={-1}>
          {room.name}
        </h1>
        <p className={styles.facts}>
          <Icon name={room.encrypted ? 'lock' : 'unlocked'} size={14} />
          <span className="ellipsis">
            {room.encrypted ? t(phone ? 'conversation.encryptedShort' : 'conversation.encrypted') : t('conversation.notEncrypted')}
            <span aria-hidden="true"> · </span>
            {t('conversation.members', { count: room.memberCount })}
          </span>
        </p>
      </div>
      {inside && (
        <div className={styles.actions}>
          <IconButton icon="invite" label={t('conversation.invite')} onClick={onInvite} />
          <IconButton icon="people" label={t('conversation.showMembers')} aria-expanded={membersShown} onClick={onMembers} />
        </div>
      )}
    </header>
  );
}
