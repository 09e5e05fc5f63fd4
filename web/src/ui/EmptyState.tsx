/** What stands where nothing is yet: a mark, a heading, a sentence and the next step. */
import type { ReactNode, Ref } from 'react';
import styles from './EmptyState.module.css';

interface EmptyStateProps {
  mark: ReactNode;
  title: string;
  level?: 'h1' | 'h2';
  /** The heading, for whoever moves the focus there. */
  headingRef?: Ref<HTMLHeadingElement>;
  children?: ReactNode;
  actions?: ReactNode;
}

export function EmptyState({ mark, title, level: Heading = 'h2', headingRef, children, actions }: EmptyStateProps) {
  return (
    <div className={styles.empty}>
      <div className={styles.mark}>{mark}</div>
      <Heading ref={headingRef} className={styles.title} tabIndex={headingRef === undefined ? undefined : -1}>
        {title}
      </Heading>
      {children !== undefined && <div className={styles.text}>{children}</div>}
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  );
}
