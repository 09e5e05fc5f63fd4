/** The identities that are linked to this account, as the server lists them. */
import { useCallback, useEffect, useState } from 'react';
import type { Identity } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';

export interface LoadedIdentities {
  /** null while they are loaded for the first time. */
  identities: readonly Identity[] | null;
  error: unknown;
  reload: () => void;
}

export function useIdentities(): LoadedIdentities {
  const porcupine = usePorcupine();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ identities: readonly Identity[] | null; error: unknown }>({ identities: null, error: null });

  useEffect(() => {
    let wanted = true;
    porcupine.identities().then(
      (identities) => {
        if (wanted) setState({ identities, error: null });
      },
      (error: unknown) => {
        if (wanted) setState((state) => ({ ...state, error }));
      },
    );
    return () => {
      wanted = false;
    };
  }, [porcupine, round]);

  const reload = useCallback(() => {
    setRound((round) => round + 1);
  }, []);
  return { ...state, reload };
}
