/** A grey shape where something is being loaded. */
import styles from './Skeleton.module.css';

interface SkeletonProps {
  /** CSS lengths. */
  width: string;
  height?: string;
  round?: boolean;
}

export function Skeleton({ width, height = '0.75em', round = false }: SkeletonProps) {
  return <span className={styles.skeleton} data-round={round || undefined} style={{ width, height }} aria-hidden="true" />;
}
