/** Who is writing just now. Its place is kept while nobody is, so that nothing jumps. */
import { useTranslation } from 'react-i18next';
import type { User } from '@porcupine/sdk';
import styles from './TypingLine.module.css';

export function TypingLine({ typing }: { typing: readonly User[] }) {
  const { t } = useTranslation();
  const [first, second] = typing;
  let words: string | null = null;
  if (typing.length > 2) words = t('conversation.typingMany');
  else if (first !== undefined && second !== undefined)
    words = t('conversation.typingTwo', { name: first.displayName, other: second.displayName });
  else if (first !== undefined) words = t('conversation.typingOne', { name: first.displayName });

  return (
    <p className={styles.typing} aria-live="off">
      {words !== null && (
        <>
          <span className={styles.dots} aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <span className="ellipsis">{words}</span>
        </>
      )}
    </p>
  );
}
