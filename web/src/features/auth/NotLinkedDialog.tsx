/** Nothing was linked, and why. */
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/Button';
import { Dialog, DialogActions } from '../../ui/Dialog';

export function NotLinkedDialog({ why, onClose }: { why: string; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t('auth.notLinkedTitle')} onClose={onClose}>
      <p>{why}</p>
      <DialogActions>
        <Button look="primary" data-autofocus onClick={onClose}>
          {t('ui.close')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
