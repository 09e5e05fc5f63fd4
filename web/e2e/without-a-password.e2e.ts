/**
 * An account that was made at a provider and never had a password: it is deleted without one, within ten minutes of signing in; later one has to sign
 * in again first. Its first password is set without an old one, and is asked for from then on.
 */
import { beforeAll, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { signInAt, stayInside, trusting } from './support/atprovider';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Authority, OpenIdProvider } from './support/provider';
import { freePort, Stack } from './support/stack';

const label = 'Fjord University';
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

const own = owning();
let stack: Stack;
let olga: Person;

beforeAll(async () => {
  const port = await freePort();
  const authority = own(await Authority.make(), (authority) => authority.remove());
  const options = { name: 'fjord', label, algorithm: 'ES256', people: { olga: { preferred_username: 'olga' } }, origin: `http://localhost:${port}` } as const;
  const provider = own(await OpenIdProvider.start(authority, options), (provider) => provider.stop());
  const env = { PORCUPINE_OIDC_PROVIDERS: 'fjord', PORCUPINE_OIDC_CA_FILE: authority.certificate, ...provider.settings };
  stack = own(await Stack.up('without-a-password', { port, env }), (stack) => stack.remove());
  const people = own(await People.start(stack.origin), (people) => people.close());
  olga = await people.add('olga', { theme: 'light', context: { ...PHONE, ...trusting } });
  await stayInside(olga);
  await olga.page.goto(stack.origin);
  await signInAt(olga, label, 'olga');
  await atHome();
});

const sql = async (statement: string) => (await stack.postgres('psql', ['-qAtc', statement])).trim();
// Of an account that was erased there stays that there was one.
const accounts = () => sql("SELECT count(*) FROM porcupine.users WHERE username LIKE 'olga%'");
const atHome = () => olga.page.getByRole('heading', { name: 'Start your first room' }).waitFor();
/** As if all sessions had begun before the ten minutes. */
const later = () => sql("UPDATE porcupine.sessions SET created_at = created_at - interval '11 minutes'");

async function openDeletion(): Promise<void> {
  await olga.button('Account settings').click();
  await olga.page.getByTestId('identity').waitFor();
  await olga.button('Delete account').click();
  await olga.page.getByLabel('I know that this can’t be undone.').check();
}

async function closeDialogs(): Promise<void> {
  await olga.page.keyboard.press('Escape');
  await olga.page.getByRole('dialog', { name: 'Delete @olga?' }).waitFor({ state: 'detached' });
  await olga.page.keyboard.press('Escape');
  await olga.page.getByRole('dialog').waitFor({ state: 'detached' });
}

async function again(): Promise<void> {
  await olga.signOut();
  await olga.button(`Continue with ${label}`).click();
  await atHome();
}

it('says in view why the only way to sign in is not unlinked', async () => {
  await olga.button('Account settings').click();
  await olga.button(`Unlink ${label}`).click();
  const why = olga.page.getByText('This is the only way to sign in to your account.');
  await why.waitFor();
  await expect.poll(() => why.evaluate((node) => node.getBoundingClientRect().bottom <= innerHeight)).toBe(true);
  await olga.page.keyboard.press('Escape');
  await olga.page.getByRole('dialog').waitFor({ state: 'detached' });
});

it('is not deleted by who signed in long ago, and has no password to show that it is them', async () => {
  await later();
  await openDeletion();
  await olga.page.getByText('Leave it empty if you have never set one.').waitFor();
  await olga.button('Delete for good').click();
  await olga.page.getByText('Nothing was deleted. Your account has a password, or you signed in more than ten minutes ago.').waitFor();
  expect(await violations(olga)).toEqual([]);
  expect(await accounts()).toBe('1');
  await closeDialogs();
});

it('is deleted once they have signed in again, and leaves nothing in the browser', async () => {
  await again();
  await openDeletion();
  await olga.button('Delete for good').click();
  await olga.page.getByText('Your account is deleted, and so is what this browser kept of it.').waitFor();
  expect(await violations(olga)).toEqual([]);
  expect(await accounts()).toBe('0');
  expect(await sql('SELECT count(*) FROM porcupine.identities')).toBe('0');
  await expect.poll(() => olga.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual(['porcupine']);
});

it('is another one when they come again, which gets its first password without an old one', async () => {
  await olga.button(`Continue with ${label}`).click();
  await atHome();
  expect(await accounts()).toBe('1');
  await olga.button('Account settings').click();
  await olga.page.getByText('Leave it empty if you have never set one: this will be your first.').waitFor();
  await olga.page.getByLabel('New password').fill(olga.password);
  await olga.button('Change password').click();
  await olga.page.getByText('Your password is changed.').waitFor();
  await olga.page.keyboard.press('Escape');
  await olga.page.getByRole('dialog').waitFor({ state: 'detached' });
});

it('is not deleted without that password from then on, and with it at any time', async () => {
  await openDeletion();
  await olga.button('Delete for good').click();
  await olga.page.getByText('Nothing was deleted. Your account has a password').waitFor();
  expect(await accounts()).toBe('1');
  await later();
  await olga.page.getByLabel('Your password').fill(olga.password);
  await olga.button('Delete for good').click();
  await olga.page.getByText('Your account is deleted').waitFor();
  expect(await accounts()).toBe('0');
});
