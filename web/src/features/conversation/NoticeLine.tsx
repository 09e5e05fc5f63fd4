/** What happened in the room, in one quiet line. What only the server claims says so, in an encrypted room. */
import { useTranslation } from 'react-i18next';
import type { Role, TimelineItem } from '@porcupine/sdk';
import { fullDate } from '../../lib/dates';
import styles from './NoticeLine.module.css';

type Notice = Extract<TimelineItem, { type: 'notice' }>;

export function NoticeLine({ notice, encrypted }: { notice: Notice; encrypted: boolean }) {
  const { t } = useTranslation();
  const name = notice.subject?.displayName ?? t('conversation.someone');
  const words =
    notice.notice === 'renamed' && notice.text === null
      ? t('conversation.notice.renamedPlain')
      : notice.notice === 'let-in' && notice.text !== null
        ? t('conversation.notice.letInBy', { name, admin: notice.text })
        : notice.notice === 'role'
          ? t(`conversation.notice.role.${notice.text as Exclude<Role, 'pending'>}`, { name })
          : t(`conversation.notice.${notice.notice}`, { name, text: notice.text ?? '' });
  return (
    <p className={styles.notice} title={fullDate(notice.at)} data-testid="notice">
      {words}
      {encrypted && notice.by === 'server' && (
        <span className={styles.claim} title={t('conversation.serverSaysWhy')}>
          {t('conversation.serverSays')}
        </span>
      )}
    </p>
  );
}
