/** Reads the newest message of somebody else out to screen readers, once, when it arrives. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { TimelineItem } from '@porcupine/sdk';
import { newestArrived } from './rows';

export function Announcer({ items }: { items: readonly TimelineItem[] }) {
  const { t } = useTranslation();
  const newest = newestArrived(items);
  const [knownKey] = useState(newest?.key);
  const arrived = newest?.type === 'message' && !newest.own && newest.key !== knownKey ? newest : null;
  return (
    <p className="visually-hidden" aria-live="polite">
      {arrived !== null && t('conversation.arrived', { sender: arrived.sender.displayName, text: arrived.text })}
    </p>
  );
}
