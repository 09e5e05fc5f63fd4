/**
 * One account in two browsers: the list of sign-ins, and what becomes of a browser that is signed out from the other one. Two tabs
 * of one browser that wake at the same time stay signed in.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const pictures = process.env.PORCUPINE_PICTURES;

const own = owning();
let people: People;
let stack: Stack;
let desk: Person;
let phone: Person;

beforeAll(async () => {
  stack = own(await Stack.up('sign-ins'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  desk = await people.add('ada', { context: { viewport: { width: 1280, height: 900 } } });
  phone = await people.add('ada', { theme: 'dark', context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } });
  await desk.register();
  await phone.page.goto(stack.origin);
  await phone.signIn();
});

describe('two browsers', () => {
  it('are listed, this one first, and the other as connected', async () => {
    const rows = desk.page.getByTestId('sign-in');
    const listed = async () => {
      await desk.page.keyboard.press('Escape');
      await desk.page.getByRole('dialog').waitFor({ state: 'detached' });
      await desk.button('Account settings').click();
      await rows.nth(1).waitFor();
      return rows.allInnerTexts();
    };
    // The list is as it was when it was asked for, and the phone has signed in a moment ago.
    await expect.poll(async () => (await listed())[1]).toContain('connected now');
    const [first, second] = await rows.allInnerTexts();
    expect(first).toContain('this browser');
    expect(first).toMatch(/Chrome on /);
    expect(second).toContain('127.0.0.1');
    await picture(desk, 'desk');
  });

  it('one signs the other out, whose page says so', async () => {
    await desk.page.getByRole('button', { name: /^Sign out Chrome on / }).click();
    await phone.page.getByText('You’ve been signed out').waitFor();
    await picture(phone, 'ended');
    await expect.poll(() => desk.page.getByTestId('sign-in').count()).toBe(1);
    await desk.page.getByText('You aren’t signed in anywhere else.').waitFor();
    await phone.signIn();
    await phone.button('Account settings').click();
    await expect.poll(() => phone.page.getByTestId('sign-in').count()).toBe(2);
    await picture(phone, 'phone');
  });

  it('a wrong password changes nothing; the right one signs the other out', async () => {
    const { page } = desk;
    await page.getByLabel('Current password').fill('guessed wrongly');
    await page.getByLabel('New password').fill('another long password');
    await desk.button('Change password').click();
    await page.getByText('This isn’t your current password.').waitFor();
    await picture(desk, 'wrong');
    await page.getByLabel('Current password').fill(desk.password);
    await page.keyboard.press('Enter');
    await page.getByText('Your password is changed.').waitFor();
    await phone.page.getByText('You’ve been signed out').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await desk.createRoom('Still here');
  });
});

describe('two tabs', () => {
  it('that refresh at the same moment stay signed in', async () => {
    const second = await desk.context.newPage();
    await second.goto(stack.origin);
    await second.getByRole('list', { name: 'Your rooms' }).waitFor();
    await Promise.all([desk.page.reload(), second.reload()]);
    await Promise.all([desk.page, second].map((page) => page.getByRole('list', { name: 'Your rooms' }).waitFor()));
    await Promise.all([desk.page.reload(), second.reload()]);
    await Promise.all([desk.page, second].map((page) => page.getByRole('list', { name: 'Your rooms' }).waitFor()));
    await second.close();
  });
});

/** Taken for whoever wants to look at it. */
async function picture(person: Person, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await person.settled();
  await person.page.screenshot({ path: join(pictures, `${name}.png`) });
}
