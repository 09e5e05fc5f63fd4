/** A labelled choice on the native <select>. */
import { useId, type ReactNode, type SelectHTMLAttributes } from 'react';
import { Icon } from './Icon';
import styles from './Select.module.css';

interface SelectProps extends Omit<SelectHTMLAttributes<HTMLSelectElement>, 'className' | 'id' | 'onChange' | 'value'> {
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: ReactNode;
}

export function Select({ label, onChange, children, ...select }: SelectProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <div className={styles.box}>
        <select {...select} id={id} className={styles.select} onChange={(event) => onChange(event.currentTarget.value)}>
          {children}
        </select>
        <Icon name="unfold" size={16} />
      </div>
    </div>
  );
}
