/** The providers that this server knows; none while they are asked for, and when they cannot be had: one signs in without them. */
import { useEffect, useState } from 'react';
import type { Provider } from '@porcupine/sdk';
import { usePorcupine } from './client';

export function useProviders(): readonly Provider[] {
  const porcupine = usePorcupine();
  const [providers, setProviders] = useState<readonly Provider[]>([]);

  useEffect(() => {
    let wanted = true;
    porcupine.providers().then(
      (found) => {
        if (wanted) setProviders(found);
      },
      () => undefined,
    );
    return () => {
      wanted = false;
    };
  }, [porcupine]);

  return providers;
}
