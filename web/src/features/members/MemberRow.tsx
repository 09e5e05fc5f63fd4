/** One member: name, role, presence, and how their keys are vouched for. */
import { useTranslation } from 'react-i18next';
import type { Member } from '@porcupine/sdk';
import { cx } from '../../lib/cx';
import { Avatar } from '../../ui/Avatar';
import { Icon, type IconName } from '../../ui/Icon';
import styles from './MemberRow.module.css';

const trustIcon: Record<Member['trust'], IconName> = { verified: 'shield', code: 'alert', unverified: 'alert', pending: 'clock', unlisted: 'alert', changed: 'alert' };

export function MemberRow({ member, own, encrypted }: { member: Member; own: boolean; encrypted: boolean }) {
  const { t } = useTranslation();
  const { user, role, trust, online } = member;
  const doubtful = trust !== 'verified';

  return (
    <li className={styles.row} data-testid="member" data-trust={trust}>
      <Avatar id={user.id} name={user.displayName} online={online} />
      <div className={styles.words}>
        <p className={styles.top}>
          <span className={cx(styles.name, 'ellipsis')} data-testid="member-name">
            {user.displayName}
          </span>
          {own && <span className={styles.own}>{t('members.you')}</span>}
          {encrypted && !doubtful && (
            <span className={styles.verified} title={t('members.trust.verified')}>
              <Icon name="shield" size={14} />
              <span className="visually-hidden">{t('members.trust.verified')}</span>
            </span>
          )}
          {online && <span className="visually-hidden">{t('members.online')}</span>}
        </p>
        <p className={cx(styles.handle, 'ellipsis')}><bdi>@{user.username}</bdi></p>
        {encrypted && doubtful && (
          <p className={styles.doubt} data-trust={trust}>
            <Icon name={trustIcon[trust]} size={14} />
            {t(`members.trust.${trust}`)}
          </p>
        )}
      </div>
      {role !== 'member' && role !== 'pending' && <span className={styles.role}>{t(`members.role.${role}`)}</span>}
    </li>
  );
}
