/** What waits in this browser to be linked, with the provider's name for people. */
import { useCallback, useEffect, useState } from 'react';
import type { LinkOffer } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { useProviders } from '../../lib/useProviders';

export type Loaded =
  | { state: 'loading' }
  | { state: 'failed'; error: unknown; again: () => void }
  /** It has expired, or was used. */
  | { state: 'gone' }
  | { state: 'waiting'; offer: LinkOffer; label: string };

export function useLinkOffer(): Loaded {
  const porcupine = usePorcupine();
  const providers = useProviders();
  const [round, setRound] = useState(0);
  const [answer, setAnswer] = useState<{ offer: LinkOffer | null } | { error: unknown } | null>(null);

  useEffect(() => {
    let wanted = true;
    porcupine.linkOffer().then(
      (offer) => {
        if (wanted) setAnswer({ offer });
      },
      (error: unknown) => {
        if (wanted) setAnswer({ error });
      },
    );
    return () => {
      wanted = false;
    };
  }, [porcupine, round]);

  const again = useCallback(() => {
    setAnswer(null);
    setRound((round) => round + 1);
  }, []);

  if (answer === null) return { state: 'loading' };
  if ('error' in answer) return { state: 'failed', error: answer.error, again };
  const { offer } = answer;
  if (offer === null) return { state: 'gone' };
  return { state: 'waiting', offer, label: providers.find(({ name }) => name === offer.provider)?.label ?? offer.provider };
}
