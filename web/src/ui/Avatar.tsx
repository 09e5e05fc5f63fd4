/** A person's or a room's initials on a colour that follows from the id, so it is the same everywhere. */
import { cx } from '../lib/cx';
import styles from './Avatar.module.css';

const COLOURS = 8;

interface AvatarProps {
  id: string;
  name: string;
  size?: 'small' | 'medium' | 'large';
  square?: boolean;
  online?: boolean;
}

export function Avatar({ id, name, size = 'medium', square = false, online = false }: AvatarProps) {
  return (
    <span className={cx(styles.avatar, styles[size], square && styles.square)} data-quill={colourOf(id)} aria-hidden="true">
      {initials(name, size === 'small' ? 1 : 2)}
      {online && <span className={styles.online} />}
    </span>
  );
}

export function initials(name: string, most: number): string {
  const words = name.trim().split(/[\s._-]+/u).filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters
    .slice(0, most)
    .map((word) => Array.from(word ?? '')[0] ?? '')
    .join('')
    .toLocaleUpperCase();
}

function colourOf(id: string): number {
  let hash = 2166136261;
  for (const unit of id) hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 16777619);
  return ((hash >>> 8) % COLOURS) + 1;
}
