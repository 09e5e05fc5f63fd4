/** Signing out while the server is out of reach: the session that the browser's cookie still opens ends before anything else begins. */
import { beforeEach, expect, test } from 'vitest';
import { createPorcupine, type PorcupineClient } from '../index.ts';

const silent = { readyState: 0, bufferedAmount: 0, onopen: null, onmessage: null, onclose: null, onerror: null, send: () => undefined, close: () => undefined };
const user = { id: '1', username: 'ada', display_name: 'Ada' };

/** A server with one account, and a browser at it, whose cookie opens one session until that is over. */
class Browser {
  readonly asked: string[] = [];
  cookie = false;
  offline = false;
  private identity: unknown = null;
  private readonly database = crypto.randomUUID();

  page(): PorcupineClient {
    return createPorcupine({
      server: 'https://chat.example',
      database: this.database,
      fetch: (input, init = {}) => {
        if (this.offline) return Promise.reject(new Error('offline'));
        const call = `${init.method ?? 'GET'} ${(input as string).slice('https://chat.example/api/'.length)}`;
        this.asked.push(call);
        const [status, body] = this.answer(call, JSON.parse((init.body as string | undefined) ?? '{}') as Record<string, unknown>);
        return Promise.resolve(new Response(body === null ? null : JSON.stringify(body), { status }));
      },
      openSocket: () => ({ ...silent }),
    });
  }

  private answer(call: string, body: Record<string, unknown>): [number, unknown] {
    switch (call) {
      case 'POST auth/login/':
        this.cookie = true;
        return [200, this.grant()];
      case 'POST auth/refresh/':
        return this.cookie ? [200, this.grant()] : [401, { code: 'session_ended', title: 'over', reason: 'logout' }];
      case 'POST auth/logout/':
        this.cookie = false;
        return [204, null];
      case 'POST devices/':
        this.identity = body['identity'];
        return [200, { device: '11', version: 1 }];
      default:
        return this.identity === null ? [404, { code: 'not_found', title: 'no keys' }] : [200, { identity: this.identity }];
    }
  }

  private grant() {
    return { user, session: '5', device: '11', access: 'token', expires_in: 600 };
  }
}

let browser: Browser;
let page: PorcupineClient;

/** Ada is signed in, her network goes, and she signs out. */
beforeEach(async () => {
  browser = new Browser();
  page = browser.page();
  await page.start();
  await page.signIn({ username: 'ada', password: 'a long password' });
  browser.offline = true;
  await page.signOut();
});

test('it is over here, and said that the server does not know', () => {
  expect(page.snapshot()).toMatchObject({ account: null, ended: 'unheard' });
  expect(browser.cookie).toBe(true);
});

test('the server is told when the page is opened again, also in an address that says that somebody comes from a provider', async () => {
  await page.close();
  browser.offline = false;
  browser.asked.length = 0;
  page = browser.page();
  await page.start({ returning: true });
  expect(browser.asked.slice(0, 2)).toEqual(['POST auth/refresh/', 'POST auth/logout/']);
  expect(browser.cookie).toBe(false);
  expect(page.snapshot()).toMatchObject({ account: null, ended: null });
  await page.close();
  browser.asked.length = 0;
  page = browser.page();
  await page.start();
  expect(browser.asked).toEqual([]);
  await page.close();
});

test('it stays said, and nobody is signed in, while the server is still out of reach', async () => {
  await page.close();
  page = browser.page();
  await page.start();
  expect(page.snapshot()).toMatchObject({ account: null, ended: 'unheard' });
  await page.close();
});

test('the server is told before somebody signs in', async () => {
  browser.offline = false;
  browser.asked.length = 0;
  await page.signIn({ username: 'ada', password: 'a long password' });
  expect(browser.asked.slice(0, 3)).toEqual(['POST auth/refresh/', 'POST auth/logout/', 'POST auth/login/']);
  expect(page.snapshot()).toMatchObject({ account: { username: 'ada' }, ended: null });
  await page.signOut();
  expect(page.snapshot()).toMatchObject({ account: null, ended: null });
  await page.close();
});
