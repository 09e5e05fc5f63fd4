/** Says that something was done, to the eyes and to a screen reader. It is there from the start, for only what changes is read out. */
import type { ReactNode } from 'react';
import styles from './Done.module.css';

export function Done({ children }: { children: ReactNode }) {
  return (
    <p className={styles.done} role="status">
      {children}
    </p>
  );
}
