/**
 * What the server has, loaded when a component comes, again when it says so, and when the connection is back; what was there stays until the new
 * one has come.
 */
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
  const reload = useCallback(() => {
    setRound((round) => round + 1);
  }, []);

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

  useEffect(() => {
    let { connection } = porcupine.snapshot();
    return porcupine.subscribe(() => {
      const before = connection;
      ({ connection } = porcupine.snapshot());
      if (connection.state === 'online' && before.state !== 'online') reload();
    });
  }, [porcupine, reload]);

  return { ...state, reload };
}
