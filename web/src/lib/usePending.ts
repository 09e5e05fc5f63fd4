/**
 * Runs one asynchronous action at a time for a form or a button and keeps what came of it:
 * whether it runs, and the error that it ended with.
 */
import { useCallback, useRef, useState } from 'react';

export interface Pending {
  busy: boolean;
  error: unknown;
  /** Resolves to whether the action succeeded; a call while one runs does nothing. */
  run: (action: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

export function usePending(): Pending {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: null });
  const running = useRef(false);

  const run = useCallback(async (action: () => Promise<void>) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      await action();
      setState({ busy: false, error: null });
      return true;
    } catch (error) {
      setState({ busy: false, error: error ?? new Error('unknown') });
      return false;
    } finally {
      running.current = false;
    }
  }, []);

  const clear = useCallback(() => {
    setState((state) => ({ ...state, error: null }));
  }, []);

  return { ...state, run, clear };
}
