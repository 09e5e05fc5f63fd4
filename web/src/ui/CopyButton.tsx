/** Copies a text and says that it did, for as long as the pointer's attention is likely to be there. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './Button';

const SHOWN_FOR = 2500;

export function CopyButton({ text, label, primary = false }: { text: string; label: string; primary?: boolean }) {
  const { t } = useTranslation();
  const [outcome, setOutcome] = useState<'copied' | 'refused' | null>(null);

  useEffect(() => {
    if (outcome === null) return undefined;
    const timer = setTimeout(() => {
      setOutcome(null);
    }, SHOWN_FOR);
    return () => {
      clearTimeout(timer);
    };
  }, [outcome]);

  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => {
        setOutcome('copied');
      },
      () => {
        setOutcome('refused');
      },
    );
  };

  return (
    <>
      <Button look={primary ? 'primary' : 'quiet'} icon={outcome === 'copied' ? 'check' : 'copy'} onClick={copy}>
        {outcome === 'copied' ? t('ui.copied') : label}
      </Button>
      <span className="visually-hidden" role="status">
        {outcome === 'copied' && t('ui.copied')}
        {outcome === 'refused' && t('ui.copyRefused')}
      </span>
    </>
  );
}
