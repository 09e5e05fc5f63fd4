/**
 * What a person is told when the server lets them go on no more, or does not let them in: why, and what to do. Each sign-in ends in
 * another way; the page of the one that ended shows the sign-in screen by itself, or when it is opened again.
 */
import type { BrowserContext } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { Api } from './support/api';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const own = owning();
let people: People;
let stack: Stack;
let desk: Person;
let phone: Person;

beforeAll(async () => {
  // Two failed sign-ins at once, then one in fifteen seconds, for which a slow machine has to be quicker than that.
  stack = own(await Stack.up('signed-out', { env: { PORCUPINE_LIMITS: 'login=2/30s,login_account=2/30s,login_known=2/30s' } }), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  desk = await people.add('ada', { context: { viewport: { width: 1280, height: 900 } } });
  phone = await people.add('ada', { theme: 'light', context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } });
  await desk.register();
  await phone.page.goto(stack.origin);
  await phone.signIn();
});

/** The phone is at the sign-in screen, is told why, and comes in again. */
async function told(words: string): Promise<void> {
  await phone.page.getByText(words).waitFor();
  await phone.page.getByLabel('Password').waitFor();
  expect(await violations(phone)).toEqual([]);
}

const sql = (statement: string) => stack.postgres('psql', ['-qAtc', statement]);
const account = "(SELECT id FROM porcupine.users WHERE username = 'ada')";

describe('a sign-in that ends elsewhere', () => {
  it('in the list of sign-ins', async () => {
    await desk.button('Account settings').click();
    await desk.page.getByRole('button', { name: /^Sign out Chrome on / }).click();
    await told('somebody who is signed in to your account ended this sign-in');
    await phone.signIn();
  });

  it('by another password', async () => {
    const { page } = desk;
    await page.getByLabel('Current password').fill(desk.password);
    await page.getByLabel('New password').fill(`${desk.password}, another one`);
    await desk.button('Change password').click();
    await page.getByText('Your password is changed.').waitFor();
    await told('your password was changed. Sign in with the new one.');
    await page.getByLabel('Current password').fill(`${desk.password}, another one`);
    await page.getByLabel('New password').fill(desk.password);
    await page.keyboard.press('Enter');
    await page.getByText('Your password is changed.').waitFor();
    await phone.signIn();
  });

  it('while the page is closed: it is told when it is opened again', async () => {
    await phone.page.goto('about:blank');
    await desk.button('Sign out everywhere else').or(desk.page.getByRole('button', { name: 'Close' })).first().waitFor();
    await desk.page.keyboard.press('Escape');
    await desk.button('Account settings').click();
    await desk.button('Sign out everywhere else').click();
    await desk.page.getByText('You aren’t signed in anywhere else.').waitFor();
    await desk.page.keyboard.press('Escape');
    await phone.page.goto(stack.origin);
    await told('somebody who is signed in to your account ended this sign-in');
    await phone.signIn();
  });

  it('by an administrator', async () => {
    await sql(`SELECT porcupine.log_out_everywhere(${account})`);
    await told('You’ve been signed out by whoever runs this server.');
    await phone.signIn();
  });

  it('because a copy of it was used', async () => {
    const copied = await refreshToken(phone.context);
    // Two refreshes make it an old one.
    for (let times = 0; times < 2; times += 1) {
      await phone.page.reload();
      await phone.page.getByRole('button', { name: 'Account settings' }).waitFor();
    }
    const thief = await fetch(`${stack.origin}/api/auth/refresh/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh: copied }),
    });
    expect(thief.status).toBe(401);
    await told('You’ve been signed out to be safe: a sign-in of this browser was used twice.');
    await phone.signIn();
  });

  it('by its account being disabled, and then by its being erased', async () => {
    await sql(`SELECT porcupine.disable_user(${account}, 'a test')`);
    await told('whoever runs this server has disabled your account');
    await sql(`SELECT porcupine.enable_user(${account})`);
    await phone.signIn();
    const api = await Api.signIn(stack.origin, phone.name, phone.password);
    expect((await api.call('DELETE', '/api/auth/user/', { password: phone.password })).status).toBe(204);
    await told('this sign-in was ended long ago, or the account was deleted.');
  });
});

describe('signing in', () => {
  it('too often: it says when to try again, counts down, and then it works', async () => {
    const cas = await people.add('cas');
    await cas.register();
    await cas.signOut();
    const { page } = cas;
    const wait = page.getByTestId('wait');
    await page.getByLabel('Username').fill(cas.name);
    await page.getByLabel('Password').fill('guessed wrongly');
    for (;;) {
      await cas.button('Sign in').click();
      const wrong = page.getByText('The username or password is wrong.');
      await wrong.or(wait).first().waitFor();
      if (await wait.isVisible()) break;
      await page.getByLabel('Password').fill('guessed wrongly');
    }
    const first = seconds(await wait.innerText());
    expect(first).toBeGreaterThan(0);
    expect(await page.getByRole('alert').innerText()).toContain('Too many tries.');
    expect(await violations(cas)).toEqual([]);
    await expect.poll(async () => Math.max(0, ...(await wait.allInnerTexts()).map(seconds))).toBeLessThan(first);
    await page.getByText('You can try again now.').waitFor();
    await cas.signIn();
    await page.getByRole('heading', { name: 'Start your first room' }).waitFor();
  });

  it('without a network, or without a server, is told apart', async () => {
    const dee = await people.add('dee');
    const { page } = dee;
    await page.goto(stack.origin);
    await page.getByLabel('Username').fill(dee.name);
    await page.getByLabel('Password').fill(dee.password);
    await dee.context.setOffline(true);
    await dee.button('Sign in').click();
    await page.getByText('You’re offline. Connect to a network and try again.').waitFor();
    await dee.context.setOffline(false);
    await stack.killBridge();
    await dee.button('Sign in').click();
    await page.getByText('The server can’t be reached. Check your connection, or try again in a moment.').waitFor();
    expect(await violations(dee)).toEqual([]);
    await stack.verb('start-bridge');
    await dee.button('Sign in').click();
    await page.getByText('The username or password is wrong.').waitFor();
  });

  it('holds while the server is away, and while there is no network, and says so', async () => {
    const eve = await people.add('eve');
    const { page } = eve;
    await eve.register();
    await eve.createRoom('Kitchen');
    await eve.ready();
    const banner = page.getByTestId('offline');
    await stack.killBridge();
    await banner.getByText('The server can’t be reached.').waitFor();
    expect(await violations(eve)).toEqual([]);
    await stack.verb('start-bridge');
    await banner.waitFor({ state: 'detached' });
    await page.getByTestId('connecting').waitFor({ state: 'detached' });
    await eve.context.setOffline(true);
    await stack.killBridge();
    await banner.getByText('You’re offline.').waitFor();
    await eve.write('written meanwhile');
    await stack.verb('start-bridge');
    await eve.context.setOffline(false);
    await expect.poll(() => eve.deliveryOf('written meanwhile')).toBe('sent');
    await banner.waitFor({ state: 'detached' });
  });
});

function seconds(words: string): number {
  return Number(/(\d+)/.exec(words)?.[1]);
}

async function refreshToken(context: BrowserContext): Promise<string> {
  const cookies = await context.cookies(`${stack.origin}/api/auth/`);
  const found = cookies.find(({ name }) => name === 'porcupine_refresh');
  if (found === undefined) throw new Error('there is no refresh cookie');
  return found.value;
}
