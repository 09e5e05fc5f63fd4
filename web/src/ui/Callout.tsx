/** A boxed remark: neutral, a warning or an error. Errors are announced when they appear. */
import type { ReactNode } from 'react';
import { cx } from '../lib/cx';
import styles from './Callout.module.css';
import { Icon, type IconName } from './Icon';

interface CalloutProps {
  tone?: 'plain' | 'warn' | 'danger';
  icon?: IconName;
  children: ReactNode;
}

export function Callout({ tone = 'plain', icon = tone === 'plain' ? 'lock' : 'alert', children }: CalloutProps) {
  return (
    <div className={cx(styles.callout, styles[tone])} role={tone === 'danger' ? 'alert' : undefined}>
      <Icon name={icon} size={18} />
      <div className={styles.text}>{children}</div>
    </div>
  );
}
