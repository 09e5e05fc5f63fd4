/** A message: the sender above the first of a group, the time and the delivery beside the words. */
import { useTranslation } from 'react-i18next';
import type { TimelineItem } from '@porcupine/sdk';
import { cx } from '../../lib/cx';
import { fullDate, timeOfDay } from '../../lib/dates';
import { Avatar } from '../../ui/Avatar';
import { Icon, type IconName } from '../../ui/Icon';
import styles from './MessageBubble.module.css';

type Message = Extract<TimelineItem, { type: 'message' }>;

interface MessageBubbleProps {
  message: Message;
  first: boolean;
  last: boolean;
  onRetry: () => void;
  onDiscard: () => void;
}

const deliveryIcon: Record<Message['delivery'], IconName> = { sending: 'clock', sent: 'check', failed: 'alert' };

export function MessageBubble({ message, first, last, onRetry, onDiscard }: MessageBubbleProps) {
  const { t } = useTranslation();
  const { own, sender, at, delivery } = message;
  const time = timeOfDay(at);
  const name = own ? t('conversation.you') : sender.displayName;

  return (
    <div
      className={cx(styles.message, own && styles.own, first && styles.first, last && styles.last)}
      data-testid="message"
      data-key={message.key}
      data-seq={message.seq ?? undefined}
      data-delivery={delivery}
    >
      {!own && <span className={styles.avatar}>{last && <Avatar id={sender.id} name={sender.displayName} size="small" />}</span>}
      <div className={styles.stack}>
        {first && !own ? (
          <p className={cx(styles.sender, 'ellipsis')}>{name}</p>
        ) : (
          <span className="visually-hidden">{t('conversation.spoken', { sender: name, time })}</span>
        )}
        <div className={cx(styles.bubble, delivery === 'failed' && styles.failed)} dir="auto">
          <span className={styles.text} data-testid="text">
            {message.text}
          </span>
          <span className={styles.meta}>
            <time dateTime={at.toISOString()} title={fullDate(at)}>
              {time}
            </time>
            {own && (
              <span className={styles.delivery} title={t(`conversation.${delivery}`)}>
                <Icon name={deliveryIcon[delivery]} size={14} />
                <span className="visually-hidden">{t(`conversation.${delivery}`)}</span>
              </span>
            )}
          </span>
        </div>
        {delivery === 'failed' && (
          <div className={styles.problem}>
            <span>
              {message.problem === null ? t('conversation.failed') : t('conversation.failedWhy', { problem: message.problem })}
            </span>
            <button type="button" className={styles.action} onClick={onRetry}>
              {t('conversation.retry')}
            </button>
            <button type="button" className={styles.action} onClick={onDiscard}>
              {t('conversation.discard')}
            </button>
          </div>
        )}
      </div>
    </div>
  );
}
