/** What an invite is for, asked once for each link. */
import { useEffect, useState } from 'react';
import type { InvitePreview } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';

export type Preview = { state: 'checking' } | { state: 'refused'; error: unknown } | { state: 'known'; invite: InvitePreview };

export function usePreview(link: string): Preview {
  const porcupine = usePorcupine();
  const [preview, setPreview] = useState<Preview>({ state: 'checking' });

  useEffect(() => {
    let wanted = true;
    porcupine.previewLink(link).then(
      (invite) => {
        if (wanted) setPreview({ state: 'known', invite });
      },
      (error: unknown) => {
        if (wanted) setPreview({ state: 'refused', error });
      },
    );
    return () => {
      wanted = false;
    };
  }, [porcupine, link]);

  return preview;
}
