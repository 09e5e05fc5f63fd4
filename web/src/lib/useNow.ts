/** The current time, advancing every `interval` milliseconds while the component is mounted. */
import { useCallback, useSyncExternalStore } from 'react';

export function useNow(interval: number): number {
  const subscribe = useCallback(
    (changed: () => void) => {
      const timer = setInterval(changed, interval);
      return () => {
        clearInterval(timer);
      };
    },
    [interval],
  );
  return useSyncExternalStore(subscribe, () => Math.floor(Date.now() / interval) * interval);
}
