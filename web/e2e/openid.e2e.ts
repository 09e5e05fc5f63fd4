/**
 * Signing in at OpenID providers through the page: npm's oidc-provider, three of them, over https by an authority that only the bridge
 * is told of, each with another algorithm. Whose address is an account's already is asked for that account's password first.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { answerAs, cancelThere, signInAt, stayInside, trusting } from './support/atprovider';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person, PersonOptions } from './support/person';
import { Authority, OpenIdProvider, type Claims, type ProviderOptions } from './support/provider';
import { freePort, Stack } from './support/stack';

const pictures = process.env.PORCUPINE_PICTURES;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const DESK = { viewport: { width: 1280, height: 900 } };

const mail = (name: string, verified = true): Claims => ({ email: `${name}@example.org`, email_verified: verified });
const logins: Record<string, Claims> = {
  ada: { ...mail('ada'), preferred_username: 'ada', name: 'Ada Lindqvist' },
  ben: mail('ben'),
  'ben-too': mail('ben', false),
  cleo: { ...mail('cleo'), preferred_username: 'cleo', name: 'Cleo at Corp' },
  noor: { ...mail('noor'), preferred_username: 'noor', name: 'Noor Haddad' },
  rosa: { ...mail('rosa'), preferred_username: 'rosa' },
  eli: { ...mail('eli'), preferred_username: 'eli' },
};

const own = owning();
let stack: Stack;
let people: People;
let authority: Authority;
let corp: OpenIdProvider;
let club: OpenIdProvider;
let forge: OpenIdProvider;
let ada: Person;

beforeAll(async () => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  authority = own(await Authority.make(), (authority) => authority.remove());
  const provider = async (options: Omit<ProviderOptions, 'people' | 'origin'>) =>
    own(await OpenIdProvider.start(authority, { ...options, people: logins, origin }), (provider) => provider.stop());
  corp = await provider({ name: 'corp', label: 'Corp & Sons', algorithm: 'RS256' });
  club = await provider({ name: 'club', label: 'Chess Club', algorithm: 'ES256', claimsInToken: true });
  forge = await provider({ name: 'forge', label: 'Forge', algorithm: 'EdDSA' });
  const env = {
    PORCUPINE_OIDC_PROVIDERS: 'corp,club,forge',
    PORCUPINE_OIDC_CA_FILE: authority.certificate,
    ...corp.settings,
    ...club.settings,
    ...forge.settings,
  };
  stack = own(await Stack.up('openid', { port, env }), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await somebody('ada', { context: DESK });
});

describe('somebody whom the chat does not know', () => {
  it('signs in at a provider, gets an account with keys, and an address that says nothing of it', async () => {
    await ada.button('Continue with Corp & Sons').waitFor();
    await look(ada, 'door');
    await signInAt(ada, corp.label, 'ada');
    await atHome(ada);
    expect(ada.page.url()).toBe(`${stack.origin}/`);
    expect(await handleOf(ada)).toBe('@ada');
    await ada.createRoom('Garden');
    await ada.send('hello from Corp');
  });

  it('comes back as the same account and the same device, whose messages can be read', async () => {
    await ada.signOut();
    expect(await accounts()).toBe('1');
    await ada.button('Continue with Corp & Sons').click();
    await ada.openRoom('Garden');
    await ada.reads(['hello from Corp']);
    expect(await handleOf(ada)).toBe('@ada');
    expect(await accounts()).toBe('1');
    await ada.page.reload();
    await ada.reads(['hello from Corp']);
  });

  it('cancels there, and is told so; nobody is signed in', async () => {
    const rosa = await somebody('rosa', { context: PHONE });
    await rosa.button('Continue with Corp & Sons').click();
    await cancelThere(rosa);
    await rosa.page.getByText('You went back without signing in.').waitFor();
    expect(rosa.page.url()).toBe(`${stack.origin}/`);
    expect(await session(rosa)).toBeUndefined();
    await look(rosa, 'cancelled');
    await rosa.page.reload();
    await rosa.button('Continue with Corp & Sons').waitFor();
    expect(await rosa.page.getByText('You went back').count()).toBe(0);
  });

  it('takes too long, and is told so', async () => {
    const rosa = await somebody('rosa', { theme: 'light', context: DESK });
    await rosa.button('Continue with Corp & Sons').click();
    await rosa.page.locator('input[name="login"]').waitFor();
    await sql("UPDATE porcupine.sign_ins SET expires_at = now() - interval '1 second'");
    await answerAs(rosa, 'rosa');
    await rosa.page.getByRole('alert').filter({ hasText: 'That sign-in took too long' }).waitFor();
    expect(rosa.page.url()).toBe(`${stack.origin}/`);
    expect(await session(rosa)).toBeUndefined();
    await look(rosa, 'expired');
  });

  it('comes from the provider by "Back" to buttons that work', async () => {
    const rosa = await somebody('rosa');
    await rosa.button('Continue with Corp & Sons').click();
    await rosa.page.locator('input[name="login"]').waitFor();
    await rosa.page.goBack();
    await signInAt(rosa, club.label, 'rosa');
    await atHome(rosa);
    expect(await handleOf(rosa)).toBe('@rosa');
  });
});

describe('algorithms', () => {
  it.each([
    ['RS256', 'the userinfo endpoint', () => corp],
    ['ES256', 'the ID token', () => club],
    ['EdDSA', 'the userinfo endpoint', () => forge],
  ])('%s of a provider with no other key, and the address by %s', async (algorithm, _, provider) => {
    expect(await provider().algorithms()).toEqual([algorithm]);
    const eli = await somebody('eli');
    const login = `stranger at ${provider().name}`;
    await signInAt(eli, provider().label, login);
    await atHome(eli);
    const identity = `issuer = '${provider().issuer}' AND subject = '${login}'`;
    expect(await sql(`SELECT count(*) FROM porcupine.identities WHERE ${identity}`)).toBe('1');
  });
});

describe('an invite', () => {
  it('is kept over the way to the provider and back, and never seen by the server', async () => {
    const link = await ada.inviteLink();
    const secret = link.split('#')[1] ?? link;
    const noor = await somebody('noor', { context: DESK }, link);
    const told: string[] = [];
    noor.page.on('request', (request) => told.push(`${request.url()} ${request.postData() ?? ''}`));
    await noor.page.getByText('You’ve been invited to a room.').waitFor();
    await signInAt(noor, club.label, 'noor');
    await noor.button('Join room').click();
    await noor.inRoom('Garden');
    await noor.ready();
    expect(await noor.page.evaluate(() => [sessionStorage.length, history.length > 0 && location.hash])).toEqual([0, '']);
    await noor.send('I came by the Chess Club');
    await expect.poll(() => ada.texts()).toContain('I came by the Chess Club');
    expect(told.filter((words) => words.includes('/api/auth/oidc/club/'))).toHaveLength(2);
    expect(told.filter((words) => words.includes(secret))).toEqual([]);
  });
});

describe('an address that an account has', () => {
  let ben: Person;

  beforeAll(async () => {
    await register('ben', 'ben@example.org');
    await register('cleo', 'cleo@example.org');
    ben = await somebody('ben', { context: PHONE, theme: 'light' });
  });

  it('signs nobody in by itself', async () => {
    await signInAt(ben, corp.label, 'ben');
    await ben.page.getByText('Corp & Sons says that you are ben@example.org.').waitFor();
    expect(await session(ben)).toBeUndefined();
    expect(await ben.page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('password');
    await look(ben, 'link');
  });

  it('is linked by the password of that account, and no other', async () => {
    await ben.page.getByRole('dialog').getByLabel('Password of that account').fill('a guess');
    await ben.page.keyboard.press('Enter');
    await ben.page.getByText('That isn’t its password.').waitFor();
    await look(ben, 'link-wrong');
    expect(await session(ben)).toBeUndefined();
    await ben.page.getByRole('dialog').getByLabel('Password of that account').fill(ben.password);
    await ben.page.keyboard.press('Enter');
    await ben.page.getByRole('dialog').waitFor({ state: 'detached' });
    await atHome(ben);
    expect(await handleOf(ben)).toBe('@ben');
  });

  it('goes straight in from then on', async () => {
    await ben.signOut();
    await ben.button('Continue with Corp & Sons').click();
    await atHome(ben);
    expect(await handleOf(ben)).toBe('@ben');
  });

  it('is nothing when the provider has not verified it: a new account, without a word of the other', async () => {
    await ben.signOut();
    await signInAt(ben, forge.label, 'ben-too');
    await atHome(ben);
    expect(await ben.page.getByRole('dialog').count()).toBe(0);
    expect(await handleOf(ben)).not.toBe('@ben');
    expect(await sql("SELECT count(*) FROM porcupine.users WHERE email = 'ben@example.org'")).toBe('1');
  });

  it('is left to its account by who declines, and gets a new one', async () => {
    const cleo = await somebody('cleo', { context: DESK });
    await signInAt(cleo, corp.label, 'cleo');
    await cleo.page.getByText('says that you are cleo@example.org').waitFor();
    await look(cleo, 'link-desk');
    await cleo.page.keyboard.press('Escape');
    await cleo.page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await session(cleo)).toBeUndefined();
    await cleo.button('Continue with Corp & Sons').click();
    await cleo.button('Use a new account').click();
    await atHome(cleo);
    expect(await handleOf(cleo)).toBe('@cleo-2');
    await cleo.signOut();
    await cleo.button('Continue with Corp & Sons').click();
    await atHome(cleo);
    expect(await handleOf(cleo)).toBe('@cleo-2');
  });
});

describe('in the account’s settings', () => {
  it('a further provider is linked', async () => {
    await ada.button('Account settings').click();
    await ada.page.getByTestId('identity').waitFor();
    expect(await ada.page.getByTestId('identity').allInnerTexts()).toEqual([expect.stringMatching(/^Corp & Sons\s+ada@example.org/)]);
    await look(ada, 'methods');
    await ada.button('Link Chess Club').click();
    await answerAs(ada, 'ada');
    await ada.page.getByText('You signed in at Chess Club as ada@example.org.').waitFor();
    await look(ada, 'link-session');
    await ada.button('Link').click();
    await ada.page.getByText('Linked. Chess Club can sign you in').waitFor();
    await ada.page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    await ada.inRoom('Garden');
    await ada.signOut();
    await ada.button('Continue with Chess Club').click();
    await ada.openRoom('Garden');
    expect(await handleOf(ada)).toBe('@ada');
  });

  it('one that is somebody else’s is not linked, which is said', async () => {
    await ada.button('Account settings').click();
    await ada.button('Link Forge').click();
    await answerAs(ada, 'ben-too');
    await ada.page.getByRole('heading', { name: 'Nothing was linked' }).waitFor();
    await look(ada, 'not-linked');
    await ada.page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    expect(await handleOf(ada)).toBe('@ada');
  });

  it('all can be unlinked but the last way to sign in, until there is a password', async () => {
    const { page } = ada;
    await ada.button('Account settings').click();
    await ada.button('Unlink Chess Club').click();
    await expect.poll(() => page.getByTestId('identity').count()).toBe(1);
    await ada.button('Unlink Corp & Sons').click();
    await page.getByText('This is the only way to sign in to your account.').waitFor();
    await look(ada, 'last-method');
    await page.getByLabel('New password').fill(ada.password);
    await ada.button('Change password').click();
    await page.getByText('Your password is changed.').waitFor();
    await ada.button('Unlink Corp & Sons').click();
    await page.getByText('No provider signs you in to this account yet.').waitFor();
  });

  it('a further one needs the password, where there is one', async () => {
    const { page } = ada;
    await ada.button('Link Chess Club').click();
    await answerAs(ada, 'ada');
    const password = page.getByRole('dialog').getByLabel('Your password');
    await password.waitFor();
    for (const guess of ['', 'a guess']) {
      await password.fill(guess);
      await page.keyboard.press('Enter');
      await page.getByText(guess === '' ? 'Nothing was linked. Your account has a password' : 'This isn’t your password.').waitFor();
    }
    await look(ada, 'link-session-wrong');
    await password.fill(ada.password);
    await page.keyboard.press('Enter');
    await page.getByText('Linked. Chess Club can sign you in').waitFor();
    await page.keyboard.press('Escape');
    await ada.signOut();
    await ada.signIn();
    await ada.openRoom('Garden');
  });
});

// --- people -----------------------------------------------------------------------------------------------------

/** A browser at the page's door, or where a link leads. */
async function somebody(name: string, options: PersonOptions = {}, link = stack.origin): Promise<Person> {
  const person = await people.add(name, { ...options, context: { ...options.context, ...trusting } });
  await stayInside(person);
  await person.page.goto(link);
  await person.page.getByLabel('Username').waitFor();
  return person;
}

async function atHome(person: Person): Promise<void> {
  await person.page.getByRole('heading', { name: /^(Start your first room|Pick a room to read)$/ }).waitFor();
}

async function handleOf(person: Person): Promise<string> {
  return person.page.getByRole('region', { name: 'Your account' }).getByText(/^@/).innerText();
}

async function session(person: Person): Promise<unknown> {
  return (await person.context.cookies(`${stack.origin}/api/auth/`)).find(({ name }) => name === 'porcupine_refresh');
}

/** An account with a password and an address, made elsewhere. */
async function register(username: string, email: string): Promise<void> {
  const password = `${username}-has-a-long-password`;
  const response = await fetch(`${stack.origin}/api/auth/register/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password, email }),
  });
  expect(response.status).toBe(201);
}

async function sql(query: string): Promise<string> {
  return (await stack.postgres('psql', ['-XAtc', query])).trim();
}

const accounts = () => sql('SELECT count(*) FROM porcupine.users');

/** No view has an accessibility violation; a picture for whoever wants to look at it. */
async function look(person: Person, name: string): Promise<void> {
  expect(await violations(person), name).toEqual([]);
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await person.page.screenshot({ path: join(pictures, `${name}.png`) });
}
