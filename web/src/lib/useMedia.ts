/** Whether a media query holds, live. */
import { useSyncExternalStore } from 'react';

export const PHONE = '(max-width: 719px)';
export const WIDE = '(min-width: 1100px)';
export const TOUCH = '(pointer: coarse)';

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = matchMedia(query);
      media.addEventListener('change', changed);
      return () => {
        media.removeEventListener('change', changed);
      };
    },
    () => matchMedia(query).matches,
  );
}
