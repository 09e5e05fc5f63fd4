/** A labelled text field with its hint or, once it is wrong, what is wrong in the hint's place; tied together for assistive technology. */
import { useId, type InputHTMLAttributes, type ReactNode, type Ref } from 'react';
import { cx } from '../lib/cx';
import styles from './Field.module.css';
import { Icon } from './Icon';

export interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'id'> {
  label: string;
  hint?: string | undefined;
  error?: string | null | undefined;
  /** For codes: evenly spaced capitals. */
  code?: boolean;
  /** Beside the label, where it moves nothing when it comes and goes. */
  aside?: ReactNode;
  /** A button of `IconButton`'s size, at the end of the input. */
  action?: ReactNode;
  ref?: Ref<HTMLInputElement>;
}

export function Field({ label, hint, error, code = false, aside, action, ...input }: FieldProps) {
  const id = useId();
  const bad = error !== null && error !== undefined;
  const described = bad ? `${id}-error` : hint === undefined ? undefined : `${id}-hint`;
  return (
    <div className={styles.field}>
      <div className={styles.top}>
        <label className={styles.label} htmlFor={id}>
          {label}
        </label>
        {aside}
      </div>
      <div className={styles.box}>
        <input
          {...input}
          id={id}
          className={cx(styles.input, code && styles.code, action !== undefined && styles.roomy)}
          aria-invalid={bad || undefined}
          aria-describedby={described}
        />
        {action !== undefined && <div className={styles.action}>{action}</div>}
      </div>
      {bad ? (
        <p className={styles.error} id={`${id}-error`}>
          <Icon name="alert" size={16} />
          {error}
        </p>
      ) : (
        hint !== undefined && (
          <p className={styles.hint} id={`${id}-hint`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}
