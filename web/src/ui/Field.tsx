/** A labelled text field with its hint and its error, tied together for assistive technology. */
import { useId, type InputHTMLAttributes, type Ref } from 'react';
import { cx } from '../lib/cx';
import styles from './Field.module.css';
import { Icon } from './Icon';

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'id'> {
  label: string;
  hint?: string | undefined;
  error?: string | null | undefined;
  /** For codes: evenly spaced capitals. */
  code?: boolean;
  ref?: Ref<HTMLInputElement>;
}

export function Field({ label, hint, error, code = false, ...input }: FieldProps) {
  const id = useId();
  const bad = error !== null && error !== undefined;
  const described = [bad ? `${id}-error` : null, hint !== undefined ? `${id}-hint` : null].filter((part) => part !== null);
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <input
        {...input}
        id={id}
        className={cx(styles.input, code && styles.code)}
        aria-invalid={bad || undefined}
        aria-describedby={described.length > 0 ? described.join(' ') : undefined}
      />
      {bad && (
        <p className={styles.error} id={`${id}-error`}>
          <Icon name="alert" size={16} />
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p className={styles.hint} id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
