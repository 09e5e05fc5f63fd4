/** How a sign-in ends: why is asked of the server and said in the snapshot, and only a deletion that was confirmed takes what is here. */
import { beforeEach, expect, test, vi } from 'vitest';
import { PorcupineError } from '../client/problem.ts';
import { createPorcupine, type PorcupineClient } from '../index.ts';
import { whyEnded } from './ending.ts';

type Answer = [status: number, body: unknown] | null;

const ended = (reason?: string): Answer => [401, { code: 'session_ended', title: 'over', reason }];

/** A server with one account, whose answers are what the test says; null is none. */
class Browser {
  refresh: Answer = null;
  erase: Answer = null;
  /** Before the answer to signing out. */
  leaving: () => Promise<void> = () => Promise.resolve();
  private closing: ((event: { code: number; reason: string }) => void) | null = null;
  readonly database = crypto.randomUUID();
  readonly page: PorcupineClient = createPorcupine({
    server: 'https://chat.example',
    database: this.database,
    fetch: async (input, init = {}) => {
      const path = new URL(input as string).pathname;
      if (path === '/api/auth/logout/') await this.leaving();
      const answer = this.answer(init.method ?? 'GET', path);
      if (answer === null) throw new TypeError('fetch failed');
      const [status, body] = answer;
      return new Response(body === null ? null : JSON.stringify(body), { status });
    },
    openSocket: () => {
      const socket = { readyState: 1, onopen: null, onmessage: null, onclose: null, onerror: null, send: () => undefined, close: () => undefined };
      queueMicrotask(() => {
        this.closing = socket.onclose;
      });
      return socket;
    },
  });

  /** The server closes the socket, for the session is over. */
  async cut(): Promise<void> {
    await vi.waitFor(() => expect(this.closing).not.toBeNull());
    this.closing?.({ code: 4419, reason: 'the session is over' });
  }

  /** The databases of accounts that are here. */
  async kept(): Promise<number> {
    return (await indexedDB.databases()).filter(({ name }) => name?.startsWith(`${this.database}/`)).length;
  }

  private answer(method: string, path: string): Answer {
    if (path === '/api/auth/register/') {
      return [201, { user: { id: '1', username: 'ada', display_name: 'Ada' }, session: '5', device: '11', access: 'token', expires_in: 600 }];
    }
    if (path === '/api/auth/refresh/') return this.refresh;
    if (path === '/api/auth/user/' && method === 'DELETE') return this.erase;
    return path.startsWith('/api/users/') ? [404, { code: 'not_found', title: 'no keys' }] : [201, { device: '11', version: 1 }];
  }
}

let browser: Browser;
let page: PorcupineClient;

beforeEach(async () => {
  browser = new Browser();
  page = browser.page;
  await page.start();
  await page.register({ username: 'ada', password: 'long enough', displayName: 'Ada' });
});

const signedOut = () => vi.waitFor(() => expect(page.snapshot().account).toBeNull(), { timeout: 5_000 });

test('the words of the server become those of the model; what is not known is said to be', () => {
  const why = (code: string, reason?: string) => whyEnded(new PorcupineError(code, '', null, null, { reason }));
  expect(why('session_ended', 'password changed')).toBe('password-changed');
  expect(why('session_ended', 'refresh token used again')).toBe('reused');
  expect(why('session_ended', 'of a later version')).toBe('unknown');
  expect(why('unauthenticated')).toBe('signed-out');
  expect(whyEnded(null)).toBe('unknown');
});

test.each([
  ['password changed', 'password-changed'],
  ['ended by the user', 'revoked'],
  [undefined, 'unknown'],
])('a socket that is closed for it: the refresh says %s', async (reason, why) => {
  browser.refresh = ended(reason);
  await browser.cut();
  await signedOut();
  expect(page.snapshot().ended).toBe(why);
  expect(await browser.kept()).toBe(1);
});

test('a server that does not say why keeps nobody signed in', async () => {
  await browser.cut();
  await signedOut();
  expect(page.snapshot().ended).toBe('unknown');
});

test('signing out here is no news to who does it, though the socket is closed before the answer comes', async () => {
  browser.refresh = [401, { code: 'unauthenticated', title: 'no cookie' }];
  browser.leaving = async () => {
    await browser.cut();
    // Whoever took that for the end would be out by then.
    await vi.waitUntil(() => page.snapshot().account === null, { timeout: 500 }).catch(() => undefined);
  };
  await page.signOut();
  expect(page.snapshot()).toMatchObject({ account: null, ended: null });
});

test('a deletion that was confirmed takes what is here', async () => {
  browser.erase = [204, null];
  await page.eraseAccount({ password: 'long enough' });
  expect(page.snapshot()).toMatchObject({ account: null, ended: 'erased' });
  await vi.waitFor(async () => expect(await browser.kept()).toBe(0));
});

test('a deletion that was refused changes nothing', async () => {
  browser.erase = [401, { code: 'bad_credentials', title: 'wrong password' }];
  await expect(page.eraseAccount({ password: 'guessed' })).rejects.toMatchObject({ code: 'bad_credentials' });
  expect(page.snapshot()).toMatchObject({ account: { username: 'ada' }, ended: null });
});

test('a deletion whose answer is lost signs out when the server cuts the session, and keeps what is here', async () => {
  browser.refresh = ended();
  const asked = page.eraseAccount({ password: 'long enough' }).catch((error: unknown) => error);
  await browser.cut();
  expect(await asked).toMatchObject({ code: 'unreachable' });
  await signedOut();
  expect(page.snapshot().ended).toBe('unknown');
  expect(await browser.kept()).toBe(1);
});
