/** The shape of a conversation while it is being loaded. */
import { useTranslation } from 'react-i18next';
import { Skeleton } from '../../ui/Skeleton';
import styles from './TimelineSkeleton.module.css';

const bubbles = [
  { width: '42%', height: '38px', own: false },
  { width: '58%', height: '58px', own: false },
  { width: '34%', height: '38px', own: true },
  { width: '48%', height: '38px', own: false },
  { width: '52%', height: '58px', own: true },
];

export function TimelineSkeleton() {
  const { t } = useTranslation();
  return (
    <div className={styles.timeline} role="status">
      <span className="visually-hidden">{t('conversation.loading')}</span>
      {bubbles.map(({ width, height, own }) => (
        <div key={width} className={styles.bubble} data-own={own || undefined}>
          <Skeleton width={width} height={height} />
        </div>
      ))}
    </div>
  );
}
