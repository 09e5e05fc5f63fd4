/** What became of the sign-in that was here, and what to do about it. */
import { useTranslation } from 'react-i18next';
import type { Ended } from '@porcupine/sdk';
import { Callout } from '../../ui/Callout';

export function EndedNotice({ ended }: { ended: Ended }) {
  const { t } = useTranslation();
  const words = t(`auth.ended.${ended}`);
  if (ended === 'erased') {
    return (
      <div role="status">
        <Callout icon="check">{words}</Callout>
      </div>
    );
  }
  return <Callout tone="danger">{words}</Callout>;
}
