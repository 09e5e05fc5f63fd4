/** Signing in at a provider: a button for each. Nothing at all where there are none. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Provider } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { providerProblem } from '../../lib/problems';
import { leaveFor, returnPath } from '../../lib/providerTrip';
import { usePending } from '../../lib/usePending';
import { useProviders } from '../../lib/useProviders';
import { Button } from '../../ui/Button';
import { Refusal } from '../../ui/Refusal';
import styles from './ProviderButtons.module.css';

export function ProviderButtons() {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const providers = useProviders();
  const { busy, error, run } = usePending();
  const [chosen, setChosen] = useState<Provider | null>(null);
  if (providers.length === 0) return null;

  const begin = (provider: Provider) => {
    if (busy) return;
    setChosen(provider);
    void run(async () => leaveFor(await porcupine.signInAt(provider.name, returnPath())));
  };

  return (
    <div className={styles.providers}>
      <p className={styles.or}>{t('auth.or')}</p>
      {providers.map((provider) => (
        <Button key={provider.name} wide busy={busy && provider === chosen} onClick={() => begin(provider)}>
          <span className={`${styles.label} ellipsis`}>{t('auth.continueWith', { provider: provider.label })}</span>
        </Button>
      ))}
      {error !== null && chosen !== null && <Refusal error={error}>{providerProblem(error, chosen.label, t)}</Refusal>}
    </div>
  );
}
