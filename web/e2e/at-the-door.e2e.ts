/**
 * Coming in and going out, as a person with a keyboard or a thumb meets it: where the focus is after either, that nothing is too small to be hit, that
 * a sign-in that ends while there is no network is told of, and that signing out without one is no half thing; and what is said when something
 * else answers in the server's place.
 */
import type { Page, Route } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const SMALL_PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

const own = owning();
let people: People;
let stack: Stack;
let ada: Person;

beforeAll(async () => {
  stack = own(await Stack.up('at-the-door'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await people.add('ada', { context: SMALL_PHONE });
});

const sql = async (statement: string) => (await stack.postgres('psql', ['-qAtc', statement])).trim();
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id ?? '');

describe('the focus', () => {
  it('is at the rooms once somebody is in, and at the heading once they are out', async () => {
    const { page } = ada;
    await ada.register();
    await page.getByRole('heading', { name: 'Start your first room' }).waitFor();
    await expect.poll(() => focused(page)).toBe('main');
    await ada.signOut();
    await expect.poll(() => focused(page)).toBe('auth-title');
    await ada.signIn();
    await expect.poll(() => focused(page)).toBe('main');
  });

  it('is at the heading, too, when somebody is put out by another browser', async () => {
    const desk = await people.add('ada');
    await desk.page.goto(stack.origin);
    await desk.signIn();
    await desk.button('Account settings').click();
    await desk.page.getByRole('button', { name: /^Sign out Chrome on / }).click();
    await ada.page.getByText('You’ve been signed out').waitFor();
    await expect.poll(() => focused(ada.page)).toBe('auth-title');
    await desk.page.getByRole('status').getByText(/^Chrome on .* is signed out\.$/).waitFor();
    await desk.context.close();
  });
});

describe('a thumb', () => {
  it('hits whatever there is, on a small phone', async () => {
    const { page } = ada;
    expect(await tooSmall(page)).toEqual([]);
    await ada.button('Create account').click();
    expect(await tooSmall(page)).toEqual([]);
    expect(await violations(ada)).toEqual([]);
    await ada.page.reload();
    await page.getByLabel('Username').waitFor();
    await ada.signIn();
    await ada.button('Account settings').click();
    await page.getByTestId('sign-in').first().waitFor();
    expect(await tooSmall(page)).toEqual([]);
    await ada.button('Delete account').click();
    expect(await tooSmall(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('shows a password, which is hidden again when it is sent', async () => {
    const { page } = ada;
    await ada.signOut();
    await page.getByLabel('Username').fill(ada.name);
    await page.getByLabel('Password').fill('a password that is wrong');
    await ada.button('Show what is typed').click();
    expect(await page.getByLabel('Password').getAttribute('type')).toBe('text');
    expect(await violations(ada)).toEqual([]);
    await ada.button('Sign in').click();
    await page.getByText('The username or password is wrong.').waitFor();
    expect(await page.getByLabel('Password').getAttribute('type')).toBe('password');
  });
});

describe('something else that answers', () => {
  const answers: [string, Parameters<Route['fulfill']>[0], string][] = [
    ['a page for maintenance', { status: 503, contentType: 'text/html', body: '<h1>Back soon</h1>' }, 'The server can’t do that right now.'],
    ['a network that wants to be paid', { status: 200, contentType: 'text/html', body: '<h1>Welcome</h1>' }, 'Something else answered in place of the server.'],
    ['a wrong address', { status: 404, contentType: 'text/html', body: 'nothing' }, 'Something else answered in place of the server.'],
    ['a proxy that takes less', { status: 413, contentType: 'text/html', body: 'too big' }, 'That is too long.'],
    ['a proxy with limits', { status: 429, contentType: 'text/html', body: 'slow down' }, 'Too many tries. Wait a moment, and try again.'],
    ['a defect', { status: 500, json: { code: 'internal', title: 'Something went wrong in the server', status: 500 } }, 'The server made a mistake.'],
  ];

  it.each(answers)('%s is said in words', async (_, answer, words) => {
    const { page } = ada;
    await page.route('**/api/auth/login/', (route) => route.fulfill(answer));
    await ada.button('Sign in').click();
    await page.getByRole('alert').getByText(words).waitFor();
    await page.unroute('**/api/auth/login/');
  });
});

describe('without a network', () => {
  it('a sign-in that ends is told of when there is one again', async () => {
    const { page } = ada;
    await page.clock.install();
    await page.reload();
    await page.getByLabel('Username').waitFor();
    await ada.signIn();
    await page.getByTestId('connecting').waitFor({ state: 'detached' });
    await stack.killBridge();
    await page.getByTestId('offline').waitFor();
    await page.clock.fastForward('02:00:00');
    await sql("UPDATE porcupine.sessions SET expires_at = clock_timestamp() - interval '1 second' WHERE ended_at IS NULL");
    await stack.verb('start-bridge');
    await page.clock.runFor(60_000);
    await page.clock.resume();
    await page.getByText('this browser wasn’t used for too long').waitFor();
    await expect.poll(() => focused(page)).toBe('auth-title');
  });

  it('signing out says that the server does not know, which is told when the page is opened again', async () => {
    const ben = await people.add('ben', { context: SMALL_PHONE, theme: 'light' });
    const { page } = ben;
    const live = () => sql("SELECT count(*) FROM porcupine.sessions s JOIN porcupine.users u ON u.id = s.user_id WHERE u.username = 'ben' AND s.ended_at IS NULL");
    await ben.register();
    await ben.context.setOffline(true);
    await ben.button('Sign out').click();
    await page.getByText('the server couldn’t be told').waitFor();
    expect(await violations(ben)).toEqual([]);
    expect(await live()).toBe('1');
    await ben.context.setOffline(false);
    // Whoever finds the browser cannot go on by an address that a provider might have sent it to.
    await page.goto(`${stack.origin}/?sign-in=returned`);
    await page.getByLabel('Username').waitFor();
    await expect.poll(live).toBe('0');
    expect(await page.getByText('the server couldn’t be told').count()).toBe(0);
    await ben.signIn();
  });
});

/** What can be clicked and is lower or narrower than 44 pixels, with its label. */
async function tooSmall(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const scope = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body;
    const controls = [...scope.querySelectorAll<HTMLElement>('button, a[href], select, input')].filter((control) => control.tabIndex >= 0);
    return controls
      .filter((control) => {
        const label = control instanceof HTMLInputElement && control.type === 'checkbox' ? control.labels?.[0] : undefined;
        const { width, height } = (label ?? control).getBoundingClientRect();
        return (width < 44 || height < 44) && getComputedStyle(control).clipPath === 'none';
      })
      .map((control) => control.outerHTML);
  });
}
