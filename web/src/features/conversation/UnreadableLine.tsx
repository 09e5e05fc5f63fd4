/** A message that can't be shown, as what it is: why, from whom, and the failed check for those who ask. */
import { useTranslation } from 'react-i18next';
import type { TimelineItem } from '@porcupine/sdk';
import { cx } from '../../lib/cx';
import { timeOfDay } from '../../lib/dates';
import { Icon, type IconName } from '../../ui/Icon';
import styles from './UnreadableLine.module.css';

type Unreadable = Extract<TimelineItem, { type: 'unreadable' }>;

const icons: Record<Unreadable['reason'], IconName> = {
  removed: 'close',
  'before-joining': 'lock',
  'waiting-for-key': 'key',
  tampered: 'alert',
  'unknown-format': 'alert',
};

export function UnreadableLine({ item, count }: { item: Unreadable; count: number }) {
  const { t } = useTranslation();
  if (item.reason === 'before-joining') {
    return (
      <p className={styles.quiet} data-testid="unreadable">
        <Icon name="lock" size={14} />
        {t('conversation.beforeJoining', { count })}
      </p>
    );
  }
  return (
    <div className={cx(styles.item, item.reason === 'tampered' && styles.tampered)} data-testid="unreadable">
      <Icon name={icons[item.reason]} size={16} />
      <div>
        <p>{t(`conversation.unreadable.${item.reason}`)}</p>
        <p className={styles.from}>
          {item.sender !== null && t('conversation.unreadableFrom', { sender: item.sender.displayName })}
          {item.sender !== null && ' · '}
          <time dateTime={item.at.toISOString()}>{timeOfDay(item.at)}</time>
        </p>
        {item.detail !== '' && (
          <details className={styles.details}>
            <summary>{t('conversation.unreadableDetail')}</summary>
            <p>{item.detail}</p>
          </details>
        )}
      </div>
    </div>
  );
}
