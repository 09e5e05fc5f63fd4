/** The door: signing in or creating an account, with what is and what isn't encrypted said beside it. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Ended } from '@porcupine/sdk';
import type { Failure } from '../../lib/providerTrip';
import { Callout } from '../../ui/Callout';
import { Logo } from '../../ui/Logo';
import { ThemeToggle } from '../../ui/ThemeToggle';
import { AuthForm } from './AuthForm';
import styles from './AuthScreen.module.css';
import { EndedNotice } from './EndedNotice';
import { ProviderButtons } from './ProviderButtons';
import type { Entry, Mode } from './validate';

interface AuthScreenProps {
  /** Somebody came by an invite link and joins once signed in. */
  invited: boolean;
  /** Why they are signed in no more. */
  ended: Ended | null;
  /** Why they came back from a provider without one. */
  failure: Failure | null;
}

export function AuthScreen({ invited, ended, failure }: AuthScreenProps) {
  const { t } = useTranslation();
  const [mode, setMode] = useState<Mode>(invited && ended === null && failure === null ? 'register' : 'signIn');
  const [entry, setEntry] = useState<Entry>({ username: '', displayName: '', password: '' });
  const title = useRef<HTMLHeadingElement>(null);
  const other: Mode = mode === 'signIn' ? 'register' : 'signIn';

  return (
    <div className={styles.screen}>
      <header className={styles.header}>
        <ThemeToggle />
      </header>
      <main className={styles.main} id="main">
        <div className={styles.brand}>
          <Logo size={56} />
          <p className={styles.name}>{t('app.name')}</p>
          <p className={styles.pitch}>{t('auth.pitch')}</p>
        </div>
        <section className={styles.card} aria-labelledby="auth-title">
          <h1 ref={title} id="auth-title" className={styles.title} tabIndex={-1}>
            {mode === 'signIn' ? t('auth.signInTitle') : t('auth.registerTitle')}
          </h1>
          {ended !== null && <EndedNotice ended={ended} />}
          {failure === 'cancelled' && (
            <div role="status">
              <Callout icon="back">{t('auth.failure.cancelled')}</Callout>
            </div>
          )}
          {failure !== null && failure !== 'cancelled' && <Callout tone="danger">{t(`auth.failure.${failure}`)}</Callout>}
          {invited && <Callout icon="invite">{t('auth.invited')}</Callout>}
          <AuthForm key={mode} mode={mode} entry={entry} onChange={setEntry} />
          <ProviderButtons />
          <p className={styles.switch}>
            {mode === 'signIn' ? t('auth.noAccount') : t('auth.haveAccount')}{' '}
            <button
              type="button"
              className={styles.link}
              onClick={() => {
                setMode(other);
                // What is above the link is another form now, and its heading says which.
                title.current?.focus();
              }}
            >
              {t(`auth.${other}`)}
            </button>
          </p>
        </section>
        <p className={styles.footnote}>{t('auth.footnote')}</p>
      </main>
    </div>
  );
}
