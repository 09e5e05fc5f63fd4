/** A small turning ring. Decoration: whatever waits says so in words or with aria-busy. */
import styles from './Spinner.module.css';

export function Spinner() {
  return <span className={styles.spinner} aria-hidden="true" />;
}
