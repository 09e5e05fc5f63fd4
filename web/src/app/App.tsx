/** Which of the page's three faces is shown: starting, the door, or the rooms; before the latter two what came of a way to a provider. */
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account, Ended } from '@porcupine/sdk';
import { AuthScreen, LinkDialog, NotLinkedDialog } from '../features/auth';
import { usePorcupine, useSnapshot } from '../lib/client';
import { useInviteLink } from '../lib/inviteSecret';
import { wordsFor } from '../lib/problems';
import { currentTrip, forgetTrip, settleTrip, useTrip, type Failure } from '../lib/providerTrip';
import { askForProviders } from '../lib/useProviders';
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
  const { account, ended } = useSnapshot();
  const invited = useInviteLink() !== null;
  const trip = useTripUntilSignedIn(account);
  useFocusOnNewFace(start.state === 'started', account?.id ?? null);

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
  const failure = trip === null || trip.outcome === 'link' || trip.outcome === 'returned' ? null : trip.outcome;
  return (
    <>
      {account === null ? (
        <Door invited={invited} ended={ended} failure={failure} />
      ) : (
        <Shell key={account.id} account={account} />
      )}
      {trip?.outcome === 'link' && <LinkDialog account={account} onClose={forgetTrip} />}
      {failure !== null && account !== null && trip?.signedIn === true && (
        <NotLinkedDialog why={t(`auth.notLinked.${failure}`)} onClose={forgetTrip} />
      )}
    </>
  );
}

function Door({ invited, ended, failure }: { invited: boolean; ended: Ended | null; failure: Failure | null }) {
  const { t } = useTranslation();
  useDocumentTitle(t('auth.signIn'), 0);
  return <AuthScreen invited={invited} ended={ended} failure={failure} />;
}

/** What kept somebody out has been overtaken once they are in. */
function useTripUntilSignedIn(account: Account | null) {
  const trip = useTrip();
  const overtaken = trip?.signedIn === false && account !== null;
  useEffect(() => {
    if (overtaken) forgetTrip();
  }, [overtaken]);
  return overtaken ? null : trip;
}

/** Whoever was let in or out goes on where the new face begins, for what had the focus is gone with the old one. */
function useFocusOnNewFace(started: boolean, account: string | null): void {
  const shown = useRef<string | null | undefined>(undefined);
  useEffect(() => {
    if (!started) return;
    const before = shown.current;
    shown.current = account;
    if (before === undefined || before === account || document.activeElement !== document.body) return;
    document.getElementById(account === null ? 'auth-title' : 'main')?.focus({ preventScroll: true });
  }, [started, account]);
}

type Start = { state: 'starting' } | { state: 'started' } | { state: 'failed'; error: unknown; again: () => void };

/** Milliseconds for which the door waits for the providers, so that it does not grow under somebody's finger. */
const PATIENCE = 600;

/** Restores the session once; again when asked to after a failure. */
function useStart(): Start {
  const porcupine = usePorcupine();
  const [attempt, setAttempt] = useState(0);
  const [start, setStart] = useState<Start>({ state: 'starting' });

  useEffect(() => {
    let wanted = true;
    const begin = async () => {
      await porcupine.start({ returning: currentTrip()?.outcome === 'returned' });
      if (porcupine.snapshot().account === null) await askForProviders(porcupine, PATIENCE);
    };
    begin().then(
      () => {
        settleTrip(porcupine.snapshot().account !== null);
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
