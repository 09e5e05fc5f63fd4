/** The form of either mode. What the user types stays in memory; the password is never kept beyond the screen. */
import { useRef, useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { focusField } from '../../lib/focusField';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Field } from '../../ui/Field';
import { PasswordField } from '../../ui/PasswordField';
import { Refusal } from '../../ui/Refusal';
import styles from './AuthForm.module.css';
import { checkEntry, refusedField, type Entry, type FieldErrors, type Mode } from './validate';

interface AuthFormProps {
  mode: Mode;
  entry: Entry;
  onChange: (entry: Entry) => void;
}

export function AuthForm({ mode, entry, onChange }: AuthFormProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run, clear } = usePending();
  const form = useRef<HTMLFormElement>(null);
  const [invalid, setInvalid] = useState<FieldErrors>({});

  const refused = error === null ? {} : refusedField(mode, error, t);
  const errors = { ...refused, ...invalid };
  const unplaced = error !== null && Object.keys(refused).length === 0;

  const change = (field: keyof Entry) => (event: { currentTarget: HTMLInputElement }) => {
    onChange({ ...entry, [field]: event.currentTarget.value });
    setInvalid((errors) => ({ ...errors, [field]: undefined }));
    clear();
  };

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const username = entry.username.trim();
    const found = checkEntry(mode, { ...entry, username }, t);
    setInvalid(found);
    const first = (['username', 'displayName', 'password'] as const).find((field) => found[field] !== undefined);
    if (first !== undefined) {
      focusField(form.current, first);
      return;
    }
    await run(
      () =>
        mode === 'signIn'
          ? porcupine.signIn({ username, password: entry.password })
          : porcupine.register({ username, password: entry.password, displayName: entry.displayName.trim() || username }),
      { bad_credentials: () => focusField(form.current, 'password'), conflict: () => focusField(form.current, 'username') },
    );
  };

  return (
    <form ref={form} className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <Field
        name="username"
        label={mode === 'register' ? t('auth.username') : t('auth.usernameOrEmail')}
        hint={mode === 'register' ? t('auth.usernameHint') : undefined}
        error={errors.username}
        value={entry.username}
        onChange={change('username')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
      />
      {mode === 'register' && (
        <Field
          name="displayName"
          label={t('auth.displayName')}
          hint={t('auth.displayNameHint')}
          error={errors.displayName}
          value={entry.displayName}
          onChange={change('displayName')}
          autoComplete="name"
        />
      )}
      <PasswordField
        name="password"
        label={t('auth.password')}
        hint={mode === 'register' ? t('auth.passwordHint') : undefined}
        error={errors.password}
        value={entry.password}
        onChange={change('password')}
        autoComplete={mode === 'register' ? 'new-password' : 'current-password'}
        required
      />
      {unplaced && <Refusal error={error} />}
      <Button type="submit" look="primary" wide busy={busy}>
        {t(`auth.${mode}`)}
      </Button>
    </form>
  );
}
