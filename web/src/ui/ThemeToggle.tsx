/** Switches between the dark and the light theme. */
import { useTranslation } from 'react-i18next';
import { setTheme, useTheme } from '../lib/theme';
import { IconButton } from './Button';

export function ThemeToggle() {
  const { t } = useTranslation();
  const theme = useTheme();
  return (
    <IconButton
      icon={theme === 'dark' ? 'sun' : 'moon'}
      label={theme === 'dark' ? t('ui.useLight') : t('ui.useDark')}
      onClick={() => {
        setTheme(theme === 'dark' ? 'light' : 'dark');
      }}
    />
  );
}
