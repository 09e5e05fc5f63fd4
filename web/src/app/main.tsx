/** Starts the page: takes what a provider and an invite have put into the address bar out of it before anything else, then renders. */
import '../ui/tokens.css';
import '../ui/base.css';
import { createPorcupine } from '@porcupine/sdk';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { PorcupineContext } from '../lib/client';
import { browserName } from '../lib/browserName';
import { startWords } from '../lib/i18n';
import { watchInviteLinks } from '../lib/inviteSecret';
import { takeOutcome } from '../lib/providerTrip';
import { followOtherTabs } from '../lib/theme';
import { App } from './App';
import { ErrorBoundary } from './ErrorBoundary';

async function main(): Promise<void> {
  takeOutcome();
  watchInviteLinks();
  followOtherTabs();
  await startWords();
  const container = document.getElementById('root');
  if (container === null) throw new Error('index.html has no #root');
  const porcupine = createPorcupine({ deviceName: browserName(navigator.userAgent) });
  createRoot(container).render(
    <StrictMode>
      <ErrorBoundary>
        <PorcupineContext value={porcupine}>
          <App />
        </PorcupineContext>
      </ErrorBoundary>
    </StrictMode>,
  );
}

void main();
