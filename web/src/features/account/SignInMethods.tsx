/** By which providers one can sign in to this account: those that are linked, those that can be. Nothing where there is neither. */
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Identity, Provider } from '@porcupine/sdk';
import { usePorcupine } from '../../lib/client';
import { problemOf, providerProblem, wordsFor } from '../../lib/problems';
import { leaveFor, returnPath } from '../../lib/providerTrip';
import type { Loaded } from '../../lib/useLoaded';
import { usePending } from '../../lib/usePending';
import { useProviders } from '../../lib/useProviders';
import { Button } from '../../ui/Button';
import { Done } from '../../ui/Done';
import { Refusal } from '../../ui/Refusal';
import { Section } from '../../ui/Section';
import { IdentityRow } from './IdentityRow';
import { LoadRefusal } from './LoadRefusal';
import styles from './SignInMethods.module.css';

export function SignInMethods({ loaded: { value: identities, error, reload } }: { loaded: Loaded<readonly Identity[]> }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const providers = useProviders();
  const unlinking = usePending();
  const linking = usePending();
  const [chosen, setChosen] = useState<Provider | null>(null);
  const [done, setDone] = useState('');
  const list = useRef<HTMLUListElement>(null);

  if (providers.length === 0 && (identities === null || identities.length === 0) && done === '') return null;
  const further = providers.filter(({ issuer }) => identities?.every((one) => one.issuer !== issuer) ?? false);

  const labelOf = ({ issuer }: Identity) => providers.find((provider) => provider.issuer === issuer)?.label ?? issuer;

  const unlink = async (identity: Identity) => {
    setDone('');
    if (!(await unlinking.run(() => porcupine.unlink(identity.id)))) return;
    reload();
    setDone(t('account.unlinked', { provider: labelOf(identity) }));
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
            provider={labelOf(identity)}
            busy={unlinking.busy}
            onUnlink={() => void unlink(identity)}
          />
        ))}
      </ul>
      {unlinking.error !== null && (
        <Refusal error={unlinking.error}>
          {problemOf(unlinking.error)?.code === 'conflict'
            ? t('account.lastMethod')
            : `${t('account.failed')} ${wordsFor(unlinking.error, t)}`}
        </Refusal>
      )}
      {error !== null && <LoadRefusal error={error} reload={reload} />}
      <Done>{done}</Done>
      {further.map((provider) => (
        <Button key={provider.name} icon="link" busy={linking.busy && provider === chosen} onClick={() => link(provider)}>
          <span className={`${styles.label} ellipsis`}>{t('account.linkProvider', { provider: provider.label })}</span>
        </Button>
      ))}
      {linking.error !== null && chosen !== null && <Refusal error={linking.error}>{providerProblem(linking.error, chosen.label, t)}</Refusal>}
    </Section>
  );
}
