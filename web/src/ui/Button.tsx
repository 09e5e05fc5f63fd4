/** Buttons with words (`Button`) and buttons with an icon and a hidden label (`IconButton`). */
import type { ButtonHTMLAttributes } from 'react';
import { cx } from '../lib/cx';
import styles from './Button.module.css';
import { Icon, type IconName } from './Icon';
import { Spinner } from './Spinner';

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className'>;

interface ButtonProps extends Native {
  look?: 'primary' | 'quiet' | 'danger';
  icon?: IconName;
  /** Shows a spinner and refuses clicks; the button keeps its width and its focus. */
  busy?: boolean;
  wide?: boolean;
}

export function Button({ look = 'quiet', icon, busy = false, wide = false, type = 'button', children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      className={cx(styles.button, styles[look], wide && styles.wide, busy && styles.busy)}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {icon !== undefined && <Icon name={icon} size={18} />}
      <span className={styles.words}>{children}</span>
      {busy && (
        <span className={styles.spinner}>
          <Spinner />
        </span>
      )}
    </button>
  );
}

interface IconButtonProps extends Omit<Native, 'children'> {
  icon: IconName;
  label: string;
}

export function IconButton({ icon, label, type = 'button', ...rest }: IconButtonProps) {
  return (
    <button {...rest} type={type} className={styles.icon} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
