/** A password: hidden until its owner wants to see it, and again when its form is sent; a word where Caps Lock may spoil it. */
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { IconButton } from './Button';
import { Field, type FieldProps } from './Field';
import styles from './PasswordField.module.css';

type PasswordFieldProps = Omit<FieldProps, 'type' | 'code' | 'aside' | 'action' | 'ref'> & { autoComplete: 'current-password' | 'new-password' };

export function PasswordField(props: PasswordFieldProps) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [shown, setShown] = useState(false);
  const [capsLock, setCapsLock] = useState(false);

  useEffect(() => {
    const form = input.current?.form;
    const hide = () => setShown(false);
    form?.addEventListener('submit', hide);
    return () => form?.removeEventListener('submit', hide);
  }, []);

  const look = (event: KeyboardEvent) => setCapsLock(event.getModifierState('CapsLock'));
  return (
    <Field
      {...props}
      ref={input}
      type={shown ? 'text' : 'password'}
      autoCapitalize="none"
      spellCheck={false}
      onKeyDown={look}
      onKeyUp={look}
      onBlur={() => setCapsLock(false)}
      aside={
        <span className={styles.capsLock} role="status">
          {capsLock && t('ui.capsLock')}
        </span>
      }
      action={
        <IconButton
          icon={shown ? 'hidden' : 'seen'}
          label={t('ui.showTyped')}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        />
      }
    />
  );
}
