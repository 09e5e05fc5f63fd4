/** The tab's title: what is shown, and how much is unread elsewhere. */
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';

export function useDocumentTitle(page: string | null, unread: number): void {
  const { t } = useTranslation();
  const title = page === null ? t('app.name') : t('app.title', { page });
  const whole = unread > 0 ? t('app.titleUnread', { count: unread, title }) : title;

  useEffect(() => {
    document.title = whole;
  }, [whole]);
}
