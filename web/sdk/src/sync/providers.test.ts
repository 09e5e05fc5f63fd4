/** Coming back from a provider: whoever the cookie belongs to is signed in, also where nobody knows them, as the device that the server says. */
import { beforeEach, expect, test } from 'vitest';
import { createPorcupine, type PorcupineClient } from '../index.ts';

interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

const silent = { readyState: 0, bufferedAmount: 0, onopen: null, onmessage: null, onclose: null, onerror: null, send: () => undefined, close: () => undefined };

/** A server that holds one session by cookie, and a browser at it. */
class Browser {
  readonly asked: Asked[] = [];
  cookie: { user: string; device: string } | null = null;
  offline = false;
  offer: { provider: string; email: string; by_session: boolean } | null = null;
  private readonly identities = new Map<string, string>();
  private readonly database = crypto.randomUUID();

  page(): PorcupineClient {
    return createPorcupine({
      server: 'https://chat.example',
      database: this.database,
      deviceName: 'a browser',
      fetch: (input, init = {}) => {
        const asked = {
          method: init.method ?? 'GET',
          path: (input as string).slice('https://chat.example'.length),
          body: JSON.parse((init.body as string | undefined) ?? '{}') as Record<string, unknown>,
        };
        this.asked.push(asked);
        if (this.offline) return Promise.reject(new Error('offline'));
        const [status, body] = this.answer(asked);
        return Promise.resolve(new Response(body === null ? null : JSON.stringify(body), { status }));
      },
      openSocket: () => ({ ...silent }),
    });
  }

  private answer({ method, path, body }: Asked): [number, unknown] {
    if (path === '/api/auth/refresh/') {
      return this.cookie === null ? [400, { code: 'invalid', title: 'no token' }] : [200, this.grant(this.cookie)];
    }
    if (path === '/api/auth/oidc/link/' && method === 'GET') {
      return this.offer === null ? [410, { code: 'gone', title: 'nothing' }] : [200, this.offer];
    }
    if (path === '/api/auth/oidc/link/') {
      this.cookie = method === 'POST' ? { user: '1', device: '11' } : { user: '3', device: '33' };
      return [200, this.grant(this.cookie)];
    }
    if (path.startsWith('/api/auth/oidc/')) return [200, { url: 'https://id.example/authorize' }];
    if (path === '/api/devices/') {
      this.identities.set(this.cookie?.user ?? '', body['identity'] as string);
      return [200, { device: this.cookie?.device, version: 1 }];
    }
    const user = /^\/api\/users\/(\d+)\/devices\/$/.exec(path)?.[1] ?? '';
    const identity = this.identities.get(user);
    return identity === undefined ? [404, { code: 'not_found', title: 'no keys' }] : [200, { identity }];
  }

  private grant({ user, device }: { user: string; device: string }) {
    return { user: { id: user, username: `user-${user}`, display_name: `User ${user}` }, session: '5', device, access: 'token', expires_in: 600 };
  }
}

let browser: Browser;

beforeEach(() => {
  browser = new Browser();
});

/** Signs in as `user` and leaves the page. */
async function visit(user: string, device: string): Promise<void> {
  browser.cookie = { user, device };
  const page = browser.page();
  await page.start({ returning: true });
  expect(page.snapshot().account).toMatchObject({ id: user, device, keys: 'ready' });
  await page.close();
}

test('who comes back to a browser that knows nobody is signed in, and has keys', async () => {
  browser.cookie = { user: '1', device: '11' };
  const page = browser.page();
  await page.start({ returning: true });
  expect(page.snapshot().account).toEqual({ id: '1', username: 'user-1', displayName: 'User 1', device: '11', keys: 'ready' });
  await page.close();
  const reloaded = browser.page();
  await reloaded.start();
  expect(reloaded.snapshot().account).toMatchObject({ id: '1', device: '11', keys: 'ready' });
  await reloaded.close();
});

test('who has not been away is not asked for', async () => {
  browser.cookie = { user: '1', device: '11' };
  const page = browser.page();
  await page.start();
  expect(page.snapshot().account).toBeNull();
  expect(browser.asked).toEqual([]);
  await page.close();
});

test('who comes back without a session is signed out, and has not been signed out elsewhere', async () => {
  const page = browser.page();
  await page.start({ returning: true });
  expect(page.snapshot()).toMatchObject({ account: null, ended: null });
  await page.close();
});

test('who comes back while the server is away can try again', async () => {
  browser.offline = true;
  const page = browser.page();
  await expect(page.start({ returning: true })).rejects.toMatchObject({ code: 'unreachable' });
  browser.offline = false;
  browser.cookie = { user: '1', device: '11' };
  await page.start({ returning: true });
  expect(page.snapshot().account).toMatchObject({ id: '1' });
  await page.close();
});

test('somebody else than was signed in before gets keys of their own, and the first ones stay for the first', async () => {
  await visit('1', '11');
  await visit('2', '22');
  await visit('1', '11');
  expect(browser.asked.filter(({ path }) => path === '/api/devices/')).toHaveLength(2);
});

test('the server is told which devices this browser has been, newest first', async () => {
  await visit('1', '9');
  await visit('2', '10');
  const page = browser.page();
  await page.start();
  expect(await page.signInAt('corp', '/join?x')).toBe('https://id.example/authorize');
  await page.linkAt('corp', '/');
  const [signIn, link] = browser.asked.slice(-2);
  expect(signIn).toEqual({
    method: 'POST',
    path: '/api/auth/oidc/corp/start/',
    body: { return_to: '/join?x', devices: ['10', '9'], device_name: 'a browser' },
  });
  expect(link?.path).toBe('/api/auth/oidc/corp/link/');
  await page.close();
});

test('an offer is read, and either answer to it signs in', async () => {
  const page = browser.page();
  await page.start();
  expect(await page.linkOffer()).toBeNull();
  browser.offer = { provider: 'corp', email: 'a@example.org', by_session: false };
  expect(await page.linkOffer()).toEqual({ provider: 'corp', email: 'a@example.org', bySession: false });
  await page.confirmLink('the password');
  expect(page.snapshot().account).toMatchObject({ id: '1', keys: 'ready' });
  expect(browser.asked.find(({ method, path }) => method === 'POST' && path === '/api/auth/oidc/link/')?.body).toEqual({ password: 'the password' });
  await page.declineLink();
  expect(page.snapshot().account).toMatchObject({ id: '3', keys: 'ready' });
  await page.close();
});
