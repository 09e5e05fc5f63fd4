/**
 * Runs one asynchronous action at a time for a form or a button and keeps what came of it:
 * whether it runs, and the error that it ended with.
 */
import { useCallback, useRef, useState } from 'react';
import { problemOf, waitOf } from './problems';

export interface Pending {
  busy: boolean;
  error: unknown;
  /**
   * Resolves to whether the action succeeded; a call while one runs does nothing. `fields`: by the code of a refusal, what brings the keyboard to
   * the field that another entry in would help. Anything else leaves it where it is, for on a phone it would cover what is wrong.
   */
  run: (action: () => Promise<void>, fields?: Record<string, () => void>) => Promise<boolean>;
  /** Something else is entered. What holds for a time whatever is entered stays. */
  clear: () => void;
}

export function usePending(): Pending {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: null });
  const running = useRef(false);

  const run = useCallback(async (action: () => Promise<void>, fields: Record<string, () => void> = {}) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      await action();
      setState({ busy: false, error: null });
      return true;
    } catch (error) {
      setState({ busy: false, error: error ?? new Error('unknown') });
      fields[problemOf(error)?.code ?? '']?.();
      return false;
    } finally {
      running.current = false;
    }
  }, []);

  const clear = useCallback(() => {
    setState((state) => (waitOf(state.error) === null ? { ...state, error: null } : state));
  }, []);

  return { ...state, run, clear };
}
