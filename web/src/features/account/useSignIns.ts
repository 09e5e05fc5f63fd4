/** The list of sign-ins, loaded when the dialog opens and again after each change. */
import { useCallback, useEffect, useState } from 'react';
import type { SignIn } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';

export interface LoadedSignIns {
  /** null while they are loaded for the first time. */
  signIns: readonly SignIn[] | null;
  error: unknown;
  reload: () => void;
}

export function useSignIns(): LoadedSignIns {
  const porcupine = usePorcupine();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ signIns: readonly SignIn[] | null; error: unknown }>({ signIns: null, error: null });

  useEffect(() => {
    let wanted = true;
    porcupine.signIns().then(
      (signIns) => {
        if (wanted) setState({ signIns, error: null });
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
