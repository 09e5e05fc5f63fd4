/** Somebody who is signed in went to a provider for a further way to sign in, and nothing came of it. */
import { useTranslation } from 'react-i18next';
import type { Failure } from '../../lib/providerTrip';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';

export function NotLinkedDialog({ failure, onClose }: { failure: Failure; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t('auth.notLinkedTitle')} onClose={onClose}>
      <p>{t(`auth.notLinked.${failure}`)}</p>
      <DialogActions>
        <Button look="primary" data-autofocus onClick={onClose}>
          {t('ui.close')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
