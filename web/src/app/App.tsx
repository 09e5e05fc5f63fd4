/** Which of the page's three faces is shown: starting, the door, or the rooms. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AuthScreen } from '../features/auth';
import { usePorcupine, useSnapshot } from '../lib/client';
import { useInviteLink } from '../lib/inviteSecret';
import { wordsFor } from '../lib/problems';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Logo } from '../ui/Logo';
import { Spinner } from '../ui/Spinner';
import styles from './App.module.css';
import { Shell } from './Shell';
import { useDocumentTitle } from './useDocumentTitle';

export function App() {
  const { t } = useTranslation();
  const start = useStart();
  const { account, endedElsewhere } = useSnapshot();
  const invited = useInviteLink() !== null;

  if (start.state === 'failed') {
    return (
      <main className={styles.whole}>
        <EmptyState
          level="h1"
          mark={<Logo size={48} />}
          title={t('app.startFailed')}
          actions={<Button onClick={start.again}>{t('ui.tryAgain')}</Button>}
        >
          {wordsFor(start.error, t)}
        </EmptyState>
      </main>
    );
  }
  if (start.state === 'starting') {
    return (
      <main className={styles.whole}>
        <div className={styles.starting}>
          <Logo size={56} />
          <Spinner />
          <h1 className="visually-hidden">{t('app.loading')}</h1>
        </div>
      </main>
    );
  }
  if (account === null) return <Door invited={invited} ended={endedElsewhere} />;
  return <Shell key={account.id} account={account} />;
}

function Door({ invited, ended }: { invited: boolean; ended: boolean }) {
  const { t } = useTranslation();
  useDocumentTitle(t('auth.signIn'), 0);
  return <AuthScreen invited={invited} ended={ended} />;
}

type Start = { state: 'starting' } | { state: 'started' } | { state: 'failed'; error: unknown; again: () => void };

/** Restores the session once; again when asked to after a failure. */
function useStart(): Start {
  const porcupine = usePorcupine();
  const [attempt, setAttempt] = useState(0);
  const [start, setStart] = useState<Start>({ state: 'starting' });

  useEffect(() => {
    let wanted = true;
    porcupine.start().then(
      () => {
        if (wanted) setStart({ state: 'started' });
      },
      (error: unknown) => {
        const again = () => {
          setStart({ state: 'starting' });
          setAttempt((attempt) => attempt + 1);
        };
        if (wanted) setStart({ state: 'failed', error, again });
      },
    );
    return () => {
      wanted = false;
    };
  }, [porcupine, attempt]);

  return start;
}
