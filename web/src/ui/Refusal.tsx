/**
 * Why an action failed, in words, brought into view where one would have to scroll for it. Where the server says when to try again, it counts
 * down; for a screen reader it says that once, and once more when the time has come. Mount it anew for each failure.
 */
import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { waitOf, wordsFor } from '../lib/problems';
import { useNow } from '../lib/useNow';
import { Callout } from './Callout';

const SECOND = 1000;

export function Refusal({ error, children }: { error: unknown; children?: string | undefined }) {
  const { t } = useTranslation();
  const bringIntoView = useCallback((element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' }), []);
  const seconds = waitOf(error);
  return (
    <div ref={bringIntoView}>
      {seconds === null ? <Callout tone="danger">{children ?? wordsFor(error, t)}</Callout> : <Wait seconds={seconds} />}
    </div>
  );
}

function Wait({ seconds }: { seconds: number }) {
  const { t } = useTranslation();
  const [until] = useState(() => Date.now() + seconds * SECOND);
  const now = useNow(SECOND);
  const left = Math.min(seconds, Math.ceil((until - now) / SECOND));
  return (
    <>
      {left > 0 && (
        <Callout tone="danger" icon="clock">
          <span className="visually-hidden">{t('problem.rate_limited', { count: seconds })}</span>
          <span aria-hidden="true" data-testid="wait">
            {t('problem.rate_limited', { count: left })}
          </span>
        </Callout>
      )}
      <div role="status">{left <= 0 && <Callout icon="check">{t('problem.again')}</Callout>}</div>
    </>
  );
}
