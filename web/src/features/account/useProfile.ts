/** What the server knows of the account, loaded when the dialog opens. */
import { useCallback, useEffect, useState } from 'react';
import type { Profile } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';

export interface LoadedProfile {
  /** null while it is loaded. */
  profile: Profile | null;
  error: unknown;
  reload: () => void;
}

export function useProfile(): LoadedProfile {
  const porcupine = usePorcupine();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ profile: Profile | null; error: unknown }>({ profile: null, error: null });

  useEffect(() => {
    let wanted = true;
    porcupine.profile().then(
      (profile) => {
        if (wanted) setState({ profile, error: null });
      },
      (error: unknown) => {
        if (wanted) setState({ profile: null, error });
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
