/**
 * A provider, or somebody who stands before it, says what does not hold: whatever it is, the page says that the sign-in was refused,
 * and nobody is signed in. With nothing wrong the same way signs in, before and after.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { signInAt, stayInside, trusting } from './support/atprovider';
import { People } from './support/browser';
import { Crooked, type Crime } from './support/crooked';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Authority, OpenIdProvider } from './support/provider';
import { freePort, Stack } from './support/stack';

const label = 'Crooked';

const own = owning();
let stack: Stack;
let crooked: Crooked;
let mia: Person;

beforeAll(async () => {
  const [port, front] = [await freePort(), await freePort()];
  const origin = `http://localhost:${port}`;
  const authority = own(await Authority.make(), (authority) => authority.remove());
  const options = { name: 'crooked', label, algorithm: 'RS256', people: { mia: { preferred_username: 'mia' } }, origin, frontPort: front } as const;
  const provider = own(await OpenIdProvider.start(authority, options), (provider) => provider.stop());
  crooked = own(await Crooked.start(authority, front, provider.port, `${origin}/api/auth/oidc/`), (crooked) => crooked.stop());
  const env = { PORCUPINE_OIDC_PROVIDERS: 'crooked', PORCUPINE_OIDC_CA_FILE: authority.certificate, ...provider.settings };
  stack = own(await Stack.up('openid-refused', { port, env }), (stack) => stack.remove());
  const people = own(await People.start(stack.origin), (people) => people.close());
  mia = await people.add('mia', { context: trusting });
  await stayInside(mia);
});

it('with nothing wrong somebody is signed in', async () => {
  await mia.page.goto(stack.origin);
  await signInAt(mia, label, 'mia');
  await mia.page.getByRole('heading', { name: 'Start your first room' }).waitFor();
  await mia.signOut();
});

// With what the bridge says of it to whoever runs it.
it.each<[Crime, string]>([
  ['a nonce of another sign-in', 'the ID token is of another sign-in'],
  ['another issuer', 'the ID token is of another issuer'],
  ['another audience', 'the ID token is meant for another client'],
  ['an expired token', 'the ID token has expired'],
  ['a key that is not published', 'the ID token is signed by a key that the provider does not publish'],
  ['a token without a signature', 'the signature of the ID token does not verify'],
  ['a token endpoint that leads elsewhere', 'the token endpoint has refused'],
  ['a code that is kept back', 'there is no code'],
  ['a code of another sign-in', 'the token endpoint has refused'],
])('%s is refused, and nobody is signed in', async (crime, why) => {
  const before = await sessions();
  crooked.crime = crime;
  await mia.page.goto(stack.origin);
  await mia.button(`Continue with ${label}`).click();
  await mia.page.getByRole('alert').filter({ hasText: 'That sign-in was refused' }).waitFor();
  expect(mia.page.url()).toBe(`${stack.origin}/`);
  await mia.page.getByLabel('Username').waitFor();
  expect((await mia.context.cookies(`${stack.origin}/api/auth/`)).map(({ name }) => name)).not.toContain('porcupine_refresh');
  expect(await sessions()).toBe(before);
  expect(lastWarning()).toMatchObject({ provider: 'crooked', outcome: 'refused', why });
});

it('a token endpoint that fails is no refusal, and nobody is signed in', async () => {
  crooked.crime = 'a token endpoint that fails';
  await mia.page.goto(stack.origin);
  await mia.button(`Continue with ${label}`).click();
  await mia.page.getByRole('alert').filter({ hasText: 'That sign-in couldn’t be finished' }).waitFor();
  expect(lastWarning()).toMatchObject({ outcome: 'unreachable', why: 'the token endpoint has failed' });
});

it('and once nothing is wrong any more, they are', async () => {
  crooked.crime = 'nothing wrong';
  await mia.page.goto(stack.origin);
  await mia.button(`Continue with ${label}`).click();
  await mia.page.getByRole('heading', { name: 'Start your first room' }).waitFor();
  expect(await mia.page.getByText('@mia').count()).toBe(1);
});

const sessions = () => stack.postgres('psql', ['-XAtc', 'SELECT count(*) FROM porcupine.sessions']);

function lastWarning(): unknown {
  const lines = readFileSync(join(stack.dir, 'log/bridge.log'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown).findLast((line) => (line as { level: string }).level === 'warning');
}
