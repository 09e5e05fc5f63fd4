/** The list of sign-ins: each can be ended, but for this one, or all others at once. */
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { SignIn } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import type { Loaded } from '../../lib/useLoaded';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Skeleton } from '../../ui/Skeleton';
import { SignInRow } from './SignInRow';
import styles from './SignIns.module.css';

export function SignIns({ loaded: { value: signIns, error, reload } }: { loaded: Loaded<readonly SignIn[]> }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const ending = usePending();
  const list = useRef<HTMLUListElement>(null);
  const failed = ending.error ?? error;
  const others = signIns?.some(({ current }) => !current) ?? false;

  const end = async (action: () => Promise<void>) => {
    await ending.run(action);
    reload();
    // What had the focus is about to go.
    list.current?.focus();
  };

  return (
    <>
      <ul ref={list} className={styles.list} aria-label={t('account.signIns')} aria-busy={signIns === null} tabIndex={-1}>
        {signIns === null
          ? error === null && (
              <li className={styles.loading}>
                <Skeleton width="55%" />
                <Skeleton width="75%" />
              </li>
            )
          : signIns.map((signIn) => (
              <SignInRow key={signIn.id} signIn={signIn} busy={ending.busy} onEnd={() => void end(() => porcupine.endSignIn(signIn.id))} />
            ))}
      </ul>
      {failed !== null && (
        <Callout tone="danger">
          {t('account.failed')} {wordsFor(failed, t)}
        </Callout>
      )}
      {signIns === null && error !== null && <Button onClick={reload}>{t('ui.tryAgain')}</Button>}
      {signIns !== null && !others && <p className={styles.note}>{t('account.nowhereElse')}</p>}
      {others && (
        <Button icon="leave" busy={ending.busy} onClick={() => void end(() => porcupine.endOtherSignIns())}>
          {t('account.endOthers')}
        </Button>
      )}
    </>
  );
}
