/** The list of sign-ins, those used last first: each can be ended, but for this one, or all others at once. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SignIn } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import type { Loaded } from '../../lib/useLoaded';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Done } from '../../ui/Done';
import { Refusal } from '../../ui/Refusal';
import { Skeleton } from '../../ui/Skeleton';
import { LoadRefusal } from './LoadRefusal';
import { SignInRow } from './SignInRow';
import styles from './SignIns.module.css';

/** So many are shown at once, for more are mostly forgotten ones. */
const FIRST = 5;

export function SignIns({ loaded: { value: signIns, error, reload } }: { loaded: Loaded<readonly SignIn[]> }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const ending = usePending();
  const list = useRef<HTMLUListElement>(null);
  const [all, setAll] = useState(false);
  const [done, setDone] = useState('');
  const shown = all ? signIns : signIns?.slice(0, FIRST);
  const hidden = (signIns?.length ?? 0) - (shown?.length ?? 0);
  const others = signIns?.some(({ current }) => !current) ?? false;

  const end = async (action: () => Promise<void>, words: string) => {
    setDone('');
    const ended = await ending.run(action);
    reload();
    if (!ended) return;
    setDone(words);
    // What had the focus is about to go.
    list.current?.focus();
  };
  const showAll = () => {
    setAll(true);
    list.current?.focus();
  };

  return (
    <>
      <ul ref={list} className={styles.list} aria-label={t('account.signIns')} aria-busy={signIns === null} tabIndex={-1}>
        {shown === undefined || shown === null
          ? error === null && (
              <li className={styles.loading}>
                <Skeleton width="55%" />
                <Skeleton width="75%" />
              </li>
            )
          : shown.map((signIn) => (
              <SignInRow
                key={signIn.id}
                signIn={signIn}
                busy={ending.busy}
                onEnd={() => void end(() => porcupine.endSignIn(signIn.id), t('account.ended', { device: signIn.device }))}
              />
            ))}
      </ul>
      {hidden > 0 && <Button onClick={showAll}>{t('account.showMore', { count: hidden })}</Button>}
      {ending.error !== null && <Refusal error={ending.error}>{`${t('account.failed')} ${wordsFor(ending.error, t)}`}</Refusal>}
      {error !== null && <LoadRefusal error={error} reload={reload} />}
      <Done>{done}</Done>
      {signIns !== null && !others && <p className={styles.note}>{t('account.nowhereElse')}</p>}
      {others && (
        <Button icon="leave" busy={ending.busy} onClick={() => void end(() => porcupine.endOtherSignIns(), t('account.endedOthers'))}>
          {t('account.endOthers')}
        </Button>
      )}
    </>
  );
}
