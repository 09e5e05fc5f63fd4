/** Everything that the server has of the account, as a file. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePorcupine } from '../../lib/client';
import { problemOf } from '../../lib/problems';
import { saveFile } from '../../lib/saveFile';
import { usePending } from '../../lib/usePending';
import { Button } from '../../ui/Button';
import { Done } from '../../ui/Done';
import { Refusal } from '../../ui/Refusal';
import styles from './Explained.module.css';

export function ExportData({ username }: { username: string }) {
  const { t } = useTranslation();
  const porcupine = usePorcupine();
  const { busy, error, run } = usePending();
  const [saved, setSaved] = useState<string | null>(null);

  const save = async () => {
    setSaved(null);
    await run(async () => {
      const data = await porcupine.exportAccount();
      const name = `porcupine-${username}-${new Date().toISOString().slice(0, 10)}.json`;
      saveFile(name, 'application/json', JSON.stringify(data, null, 2));
      setSaved(name);
    });
  };

  return (
    <>
      <p className={styles.text}>{t('account.exportText')}</p>
      {error !== null && <Refusal error={error}>{problemOf(error)?.code === 'too_large' ? t('account.exportTooLarge') : undefined}</Refusal>}
      <Done>{saved !== null && t('account.exported', { name: saved })}</Done>
      <Button icon="save" busy={busy} onClick={() => void save()}>
        {t('account.exportAction')}
      </Button>
    </>
  );
}
