/** What somebody does at a provider's own pages, and how they get there. */
import type { Person } from './person';

/** A browser that takes the certificates of tests, and asks nobody outside for a font of the provider's. */
export const trusting = { ignoreHTTPSErrors: true };

export async function stayInside(person: Person): Promise<void> {
  await person.context.route(/^https?:\/\/(?!localhost|127\.0\.0\.1)/, (route) => route.fulfill({ body: '' }));
}

export async function signInAt(person: Person, label: string, login: string): Promise<void> {
  await person.button(`Continue with ${label}`).click();
  await answerAs(person, login);
}

/** Somebody who is not signed in there yet, and lets the chat know who they are. */
export async function answerAs(person: Person, login: string): Promise<void> {
  const { page } = person;
  await page.locator('input[name="login"]').fill(login);
  await page.locator('input[name="password"]').fill('any will do');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

export async function cancelThere(person: Person): Promise<void> {
  await person.page.getByRole('link', { name: 'Cancel' }).click();
}
