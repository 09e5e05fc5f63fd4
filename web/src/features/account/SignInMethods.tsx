/** By which providers one can sign in to this account: those that are linked, those that can be. Nothing where there is neither. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Porcupine, Provider } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { problemOf, providerProblem, wordsFor } from '../../lib/problems';
import { leaveFor, returnPath } from '../../lib/providerTrip';
import { useLoaded } from '../../lib/useLoaded';
import { usePending } from '../../lib/usePending';
import { useProviders } from '../../lib/useProviders';
import { Button } from '../../ui/Button';
import { Callout } from '../../ui/Callout';
import { Section } from '../../ui/Section';
import { IdentityRow } from './IdentityRow';
import styles from './SignInMethods.module.css';

const load = (porcupine: Porcupine) => porcupine.identities();

export function SignInMethods() {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const providers = useProviders();
  const { value: identities, error, reload } = useLoaded(load);
  const unlinking = usePending();
  const linking = usePending();
  const [chosen, setChosen] = useState<Provider | null>(null);
  const list = useRef<HTMLUListElement>(null);

  if (providers.length === 0 && (identities === null || identities.length === 0)) return null;
  const further = providers.filter(({ issuer }) => identities?.every((one) => one.issuer !== issuer) ?? false);

  const unlink = async (id: string) => {
    const done = await unlinking.run(() => porcupine.unlink(id));
    if (!done) return;
    reload();
    // What had the focus is about to go.
    list.current?.focus();
  };
  const link = (provider: Provider) => {
    if (linking.busy) return;
    setChosen(provider);
    void linking.run(async () => leaveFor(await porcupine.linkAt(provider.name, returnPath())));
  };

  return (
    <Section title={t('account.methods')}>
      {identities?.length === 0 && <p className={styles.note}>{t('account.noMethods')}</p>}
      <ul ref={list} className={styles.list} aria-label={t('account.methods')} tabIndex={-1}>
        {identities?.map((identity) => (
          <IdentityRow
            key={identity.id}
            identity={identity}
            provider={providers.find(({ issuer }) => issuer === identity.issuer)?.label ?? identity.issuer}
            busy={unlinking.busy}
            onUnlink={() => void unlink(identity.id)}
          />
        ))}
      </ul>
      {unlinking.error !== null && (
        <Callout tone="danger">
          {problemOf(unlinking.error)?.code === 'conflict'
            ? t('account.lastMethod')
            : `${t('account.failed')} ${wordsFor(unlinking.error, t)}`}
        </Callout>
      )}
      {error !== null && (
        <>
          <Callout tone="danger">
            {t('account.failed')} {wordsFor(error, t)}
          </Callout>
          <Button onClick={reload}>{t('ui.tryAgain')}</Button>
        </>
      )}
      {further.map((provider) => (
        <Button key={provider.name} icon="link" busy={linking.busy && provider === chosen} onClick={() => link(provider)}>
          <span className={`${styles.label} ellipsis`}>{t('account.linkProvider', { provider: provider.label })}</span>
        </Button>
      ))}
      {linking.error !== null && chosen !== null && <Callout tone="danger">{providerProblem(linking.error, chosen.label, t)}</Callout>}
    </Section>
  );
}
