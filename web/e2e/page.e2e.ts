/**
 * The page by itself: usable without a mouse, without an accessibility violation in any theme or
 * width, inside its Content-Security-Policy, and with keys that cannot be taken out of the browser.
 */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

const own = owning();
let stack: Stack;
let people: People;
let ada: Person;

beforeAll(async () => {
  stack = own(await Stack.up('page'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await people.add('ada', { context: { viewport: { width: 1280, height: 800 } } });
});

describe('the policy', () => {
  it('allows the page its own files and nothing else', async () => {
    const policy = (await fetch(stack.origin)).headers.get('content-security-policy') ?? '';
    const rules = new Map(policy.split(';').map((rule): [string, string] => {
      const [name = '', ...values] = rule.trim().split(/\s+/);
      return [name, values.join(' ')];
    }));
    expect(rules.get('default-src')).toBe("'none'");
    expect(rules.get('script-src')).toBe("'self'");
    expect(rules.get('style-src')).toBe("'self'");
    expect(rules.get('require-trusted-types-for')).toBe("'script'");
    expect(rules.get('trusted-types')).toBe("'none'");
    expect(rules.get('frame-ancestors')).toBe("'none'");
    expect(rules.get('base-uri')).toBe("'none'");
    expect(policy).not.toContain('unsafe');
  });

  it('is what the browser keeps to: no markup and no script of a string, by nobody', async () => {
    // in a context of its own, for the browser complains of each attempt
    const page = await people.browser.newPage();
    await page.goto(stack.origin);
    await page.getByLabel('Username').waitFor();
    const tried = await page.evaluate(() => {
      const attempts: Record<string, () => void> = {
        markup: () => { document.createElement('p').innerHTML = '<b>x</b>'; },
        script: () => { document.createElement('script').src = '/x.js'; },
        policy: () => {
          const { trustedTypes } = window as unknown as { trustedTypes: { createPolicy: (name: string, rules: object) => void } };
          trustedTypes.createPolicy('default', { createHTML: (text: string) => text });
        },
      };
      return Object.entries(attempts).filter(([, attempt]) => {
        try {
          attempt();
          return true;
        } catch {
          return false;
        }
      }).map(([name]) => name);
    });
    await page.close();
    expect(tried).toEqual([]);
  });

  it('lets nobody run a text: eval and new Function throw', async () => {
    // by a timer of the page, for what a debugger runs itself is let pass
    const tried = (): Promise<Record<string, string>> => new Promise((done) => {
      setTimeout(() => {
        const run = Reflect.get(window, 'eval') as (text: string) => unknown;
        const Made = Reflect.get(window, 'Function') as unknown as new (text: string) => () => unknown;
        const attempts: Record<string, () => unknown> = { eval: () => run('1 + 1'), Function: () => new Made('return 1 + 1')() };
        done(Object.fromEntries(Object.entries(attempts).map(([name, attempt]) => {
          try {
            return [name, String(attempt())];
          } catch (error) {
            return [name, (error as Error).name];
          }
        })));
      });
    });
    const page = await people.browser.newPage();
    await page.goto('about:blank');
    expect(await page.evaluate(tried)).toEqual({ eval: '2', Function: '2' });
    await page.goto(stack.origin);
    await page.getByLabel('Username').waitFor();
    expect(await page.evaluate(tried)).toEqual({ eval: 'EvalError', Function: 'EvalError' });
    await page.close();
  });
});

describe('without a mouse', () => {
  it('one registers, creates a room and writes', async () => {
    const { page } = ada;
    await page.goto(stack.origin);
    await page.getByLabel('Username').waitFor();
    await tabTo(page, 'Create account');
    await page.keyboard.press('Enter');
    await page.getByLabel('Name shown to others').waitFor();
    await tabTo(page, 'Username');
    await page.keyboard.type('ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Ada');
    await page.keyboard.press('Tab');
    await page.keyboard.type(ada.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Start your first room' }).waitFor();

    await tabTo(page, 'New room');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'New room' }).waitFor();
    await page.keyboard.type('Reading circle');
    await page.keyboard.press('Enter');
    await ada.inRoom('Reading circle');
    await ada.ready();

    await tabTo(page, 'Message to Reading circle');
    await page.keyboard.type('first line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    await page.keyboard.press('Enter');
    await expect.poll(() => ada.said()).toMatchObject([{ text: 'first line\nsecond line', delivery: 'sent' }]);
  });

  it('Escape closes a dialog and focus returns to what opened it', async () => {
    const { page } = ada;
    await tabTo(page, 'Invite people');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Invite to Reading circle' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focusedName(page)).toBe('Invite people');
  });

  it('the skip link leads past the rooms', async () => {
    const { page } = ada;
    await page.evaluate(() => {
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    });
    await page.reload();
    await ada.ready();
    await tabTo(page, 'Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  });
});

describe('accessibility', () => {
  const looks = [
    { look: 'dark', theme: 'dark', context: { viewport: { width: 1280, height: 800 } } },
    { look: 'light', theme: 'light', context: { viewport: { width: 1280, height: 800 } } },
    { look: 'dark on a phone', theme: 'dark', context: PHONE },
    { look: 'light on a phone', theme: 'light', context: PHONE },
  ] as const;

  it.each(looks)('has no violation in any view, $look', async ({ look, theme, context }) => {
    const name = `eve.${look.replaceAll(' ', '.')}`;
    const eve = await people.add(name, { theme, context });
    const { page } = eve;
    const check = async (view: string) => {
      expect(await violations(eve), `${view}, ${look}`).toEqual([]);
    };

    await page.goto(stack.origin);
    await page.getByLabel('Username').waitFor();
    await eve.button('Sign in').click();
    await check('signing in, with errors');
    await eve.register();
    await page.getByRole('heading', { name: 'Start your first room' }).waitFor();
    await check('no rooms yet');
    await eve.button('New room').first().click();
    await check('creating a room');
    await page.getByLabel('Room name').fill('Garden');
    await eve.button('Create room').click();
    await eve.ready();
    await check('an empty room');
    await eve.send('Is anybody out there?');
    await check('a conversation');
    await eve.button('Members').click();
    await page.getByTestId('member').waitFor();
    await check('members');
    await eve.button('Leave room').click();
    await check('leaving');
    await eve.button('Cancel').click();
    if (await eve.button('Close').isVisible()) await eve.button('Close').click();
    await eve.button('Invite people').first().click();
    await eve.button('Create link').click();
    await page.getByTestId('invite-link').waitFor();
    await check('an invite');
    const link = await page.getByTestId('invite-link').inputValue();
    await page.keyboard.press('Escape');

    await page.goto(stack.origin);
    await page.getByRole('list', { name: 'Your rooms' }).waitFor();
    await check('the rooms');
    await eve.button('Account settings').click();
    await page.getByTestId('sign-in').waitFor();
    await eve.button('Change password').click();
    await page.getByLabel('Name shown to others').fill('');
    await eve.button('Save').click();
    await check('the account, with errors');
    await eve.button('Delete account').click();
    await page.getByRole('dialog', { name: `Delete @${eve.name}?` }).waitFor();
    await eve.button('Delete for good').click();
    await check('deleting the account, with errors');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: `Delete @${eve.name}?` }).waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await eve.button('Join a room').first().click();
    await check('joining by code');
    await page.goto(link);
    await eve.button('Join room').waitFor();
    await check('an invitation');
    await page.reload();
    await page.getByRole('heading', { name: 'Open the invite link again' }).waitFor();
    await check('a forgotten invitation');
  });
});

describe('keys', () => {
  it('cannot be taken out of the browser, and storage beside the database holds none', async () => {
    const found = await ada.page.evaluate(async () => {
      const keys: { type: string; extractable: boolean }[] = [];
      const exported: string[] = [];
      const walk = (value: unknown, path: string): void => {
        if (value instanceof CryptoKey) keys.push({ type: value.type, extractable: value.extractable });
        else if (Array.isArray(value)) value.forEach((item, index) => walk(item, `${path}[${index}]`));
        else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) {
          // A JSON Web Key's private part.
          if ('kty' in value && ('d' in value || 'k' in value)) exported.push(path);
          for (const [name, item] of Object.entries(value)) walk(item, `${path}.${name}`);
        }
      };
      const asked = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(new Error('a database could not be read'));
        });
      for (const { name } of await indexedDB.databases()) {
        if (name === undefined) continue;
        const database = await asked(indexedDB.open(name));
        for (const store of database.objectStoreNames) {
          const records: unknown[] = await asked(database.transaction(store).objectStore(store).getAll());
          walk(records, `${name}.${store}`);
        }
        database.close();
      }
      return { keys, exported, local: Object.keys(localStorage), session: Object.keys(sessionStorage) };
    });
    const hidden = found.keys.filter(({ type }) => type !== 'public');
    expect(hidden.length).toBeGreaterThan(0);
    expect(hidden.filter(({ extractable }) => extractable)).toEqual([]);
    expect(found.exported).toEqual([]);
    expect(found.local.filter((name) => name !== 'porcupine.theme')).toEqual([]);
    expect(found.session).toEqual([]);
  });
});

describe('the console', () => {
  it('stayed silent: no violation of the policy, no error', () => {
    expect(people.complaints()).toEqual([]);
  });
});

/** Presses Tab until the element with this accessible name has focus; gives up after a round. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await focusedName(page)) === name) return;
  }
  throw new Error(`Tab never reaches "${name}"`);
}

async function focusedName(page: Page): Promise<string> {
  return page.evaluate(() => {
    const focused = document.activeElement;
    if (!(focused instanceof HTMLElement)) return '';
    const label = focused instanceof HTMLInputElement ? focused.labels?.[0]?.textContent : null;
    return (focused.getAttribute('aria-label') ?? label ?? focused.textContent).trim();
  });
}
