/** Whose is the account at a provider that somebody came back with? Nothing is linked before they have said so here. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Account } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { wordsFor } from '../../lib/problems';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Dialog, DialogActions } from '../../ui/Dialog';
import { LinkByPassword } from './LinkByPassword';
import { linkProblem } from './linkProblem';
import { NotLinkedDialog } from './NotLinkedDialog';
import { useLinkOffer } from './useLinkOffer';

export function LinkDialog({ account, onClose }: { account: Account | null; onClose: () => void }) {
  const { t } = useTranslation();
  const loaded = useLinkOffer();
  // The page behind it is there meanwhile, and a dialog that fills itself would move the focus about.
  if (loaded.state === 'loading') return null;
  if (loaded.state === 'failed') {
    return (
      <Dialog title={t('auth.notLinkedTitle')} onClose={onClose}>
        <Callout tone="danger">{wordsFor(loaded.error, t)}</Callout>
        <DialogActions>
          <Button onClick={onClose}>{t('ui.close')}</Button>
          <Button look="primary" data-autofocus onClick={loaded.again}>
            {t('ui.tryAgain')}
          </Button>
        </DialogActions>
      </Dialog>
    );
  }
  if (loaded.state === 'gone' || (loaded.offer.bySession && account === null)) {
    return <NotLinkedDialog why={t(loaded.state === 'gone' ? 'auth.linkGone' : 'auth.linkSignedOut')} onClose={onClose} />;
  }
  const { offer, label } = loaded;
  return offer.bySession && account !== null ? (
    <LinkToAccount email={offer.email} provider={label} username={account.username} onClose={onClose} />
  ) : (
    <LinkByPassword email={offer.email} provider={label} onClose={onClose} />
  );
}

interface LinkToAccountProps {
  email: string;
  provider: string;
  username: string;
  onClose: () => void;
}

/** Asked for in the session of the account: a word is enough. */
function LinkToAccount({ email, provider, username, onClose }: LinkToAccountProps) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();
  const [done, setDone] = useState(false);
  const names = { provider, email, username };

  const link = async () => {
    if (await run(() => porcupine.acceptLink())) setDone(true);
  };

  return (
    <Dialog title={t('auth.linkTitle', names)} onClose={onClose}>
      <p role="status">{t(done ? 'auth.linked' : 'auth.linkToAccount', names)}</p>
      {error !== null && <Callout tone="danger">{linkProblem(error, t)}</Callout>}
      <DialogActions>
        {!done && <Button onClick={onClose}>{t('ui.cancel')}</Button>}
        {/* One button, so that it keeps the focus. */}
        <Button look="primary" busy={busy} data-autofocus onClick={() => (done ? onClose() : void link())}>
          {t(done ? 'ui.close' : 'auth.link')}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
