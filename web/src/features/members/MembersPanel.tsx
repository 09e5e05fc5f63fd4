/** Who belongs to the room, how surely, and the way out of it. Shown beside the conversation or in a dialog. */
import { useTranslation } from 'react-i18next';
import type { Account, Member, RoomSummary } from '@porcupine/sdk';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Skeleton } from '../../ui/Skeleton';
import { arrangeMembers } from './arrangeMembers';
import { MemberRow } from './MemberRow';
import styles from './MembersPanel.module.css';

interface MembersPanelProps {
  room: RoomSummary;
  /** null while they are being loaded. */
  members: readonly Member[] | null;
  account: Account;
  onInvite: () => void;
  onLeave: () => void;
}

export function MembersPanel({ room, members, account, onInvite, onLeave }: MembersPanelProps) {
  const { t } = useTranslation();
  return (
    <div className={styles.panel}>
      <ul className={styles.list} aria-label={t('members.title')} data-testid="members">
        {members === null
          ? [60, 45, 70].map((width) => (
              <li key={width} className={styles.skeleton}>
                <Skeleton width="36px" height="36px" round />
                <Skeleton width={`${width}%`} />
              </li>
            ))
          : arrangeMembers(members).map((member) => (
              <MemberRow key={member.user.id} member={member} own={member.user.id === account.id} encrypted={room.encrypted} />
            ))}
      </ul>
      <Callout icon={room.encrypted ? 'shield' : 'unlocked'}>{room.encrypted ? t('members.trustNote') : t('members.plainNote')}</Callout>
      <div className={styles.actions}>
        <Button icon="invite" wide onClick={onInvite}>
          {t('members.invite')}
        </Button>
        <Button icon="leave" wide onClick={onLeave}>
          {t('members.leave')}
        </Button>
      </div>
    </div>
  );
}
