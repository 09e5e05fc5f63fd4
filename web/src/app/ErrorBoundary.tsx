/** The last resort: a defect of the page is said, with a way out, instead of a blank screen. */
import { Component, type ReactNode } from 'react';
import i18next from 'i18next';
import { Button } from '../ui/Button';
import { EmptyState } from '../ui/EmptyState';
import { Logo } from '../ui/Logo';
import styles from './App.module.css';

export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className={styles.whole}>
        <EmptyState
          level="h1"
          mark={<Logo size={48} />}
          title={i18next.t('app.failed')}
          actions={
            <Button look="primary" onClick={() => location.reload()}>
              {i18next.t('app.reload')}
            </Button>
          }
        >
          {i18next.t('app.failedText')}
        </EmptyState>
      </main>
    );
  }
}
