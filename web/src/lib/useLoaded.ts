/** What the server has, loaded when a component comes and again when it says so; what was there stays until the new one has come. */
import { useCallback, useEffect, useState } from 'react';
import type { Porcupine } from '@porcupine/sdk';
import { usePorcupine } from './client';

export interface Loaded<T> {
  /** null while it is loaded for the first time. */
  value: T | null;
  error: unknown;
  reload: () => void;
}

/** `load` is always the same function: another one would be another thing to load. */
export function useLoaded<T>(load: (porcupine: Porcupine) => Promise<T>): Loaded<T> {
  const porcupine = usePorcupine();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ value: T | null; error: unknown }>({ value: null, error: null });

  useEffect(() => {
    let wanted = true;
    load(porcupine).then(
      (value) => {
        if (wanted) setState({ value, error: null });
      },
      (error: unknown) => {
        if (wanted) setState((state) => ({ ...state, error }));
      },
    );
    return () => {
      wanted = false;
    };
  }, [porcupine, load, round]);

  const reload = useCallback(() => {
    setRound((round) => round + 1);
  }, []);
  return { ...state, reload };
}
