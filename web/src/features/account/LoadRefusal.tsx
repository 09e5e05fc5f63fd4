/** What a part of the account's dialog shows in place of what could not be loaded. */
import { useTranslation } from 'react-i18next';
import { wordsFor } from '../../lib/problems';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';

export function LoadRefusal({ error, reload }: { error: unknown; reload: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Callout tone="danger">
        {t('account.loadFailed')} {wordsFor(error, t)}
      </Callout>
      <Button onClick={reload}>{t('ui.tryAgain')}</Button>
    </>
  );
}
