/** Returns to the newest message, saying how many arrived since one scrolled away. */
import { useTranslation } from 'react-i18next';
import { Icon } from '../../ui/Icon';
import styles from './JumpButton.module.css';

export function JumpButton({ shown, missed, onJump }: { shown: boolean; missed: number; onJump: () => void }) {
  const { t } = useTranslation();
  if (!shown) return null;
  return (
    <button type="button" className={styles.jump} onClick={onJump} aria-label={missed === 0 ? t('conversation.jump') : undefined}>
      {missed > 0 && <span>{t('conversation.jumpNew', { count: missed })}</span>}
      <Icon name="down" size={18} />
    </button>
  );
}
