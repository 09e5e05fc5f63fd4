/**
 * The account as its owner sees it: another name reaches the others at once; and the end of an account, which leaves nothing of it in
 * its browser, and with the others no more than that somebody was there.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { People } from './support/browser';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { Stack } from './support/stack';

const own = owning();
let stack: Stack;
let people: People;
let ada: Person;
let ben: Person;

beforeAll(async () => {
  stack = own(await Stack.up('account'), (stack) => stack.remove());
  people = own(await People.start(stack.origin), (people) => people.close());
  ada = await people.add('ada', { displayName: 'Ada' });
  ben = await people.add('ben', { displayName: 'Ben' });
  await ada.register();
  await ada.createRoom('Garden');
  const link = await ada.inviteLink();
  await ben.register();
  await ben.joinByLink(link);
  await ben.ready();
});

describe('the profile', () => {
  it('belongs to somebody who talks to somebody', async () => {
    await ada.send('The tomatoes are ripe.');
    await ben.send('I bring a basket.');
    await ada.message('I bring a basket.').waitFor();
  });

  it('shows what is there, and says what is wrong beside the field', async () => {
    const { page } = ada;
    await ada.button('Account settings').click();
    const name = page.getByLabel('Name shown to others');
    await name.waitFor();
    await expect.poll(() => name.inputValue()).toBe('Ada');
    await name.fill('  ');
    await page.getByLabel('Email address').fill('nowhere');
    await ada.button('Save').click();
    await page.getByText('Fill this in.').waitFor();
    await page.getByText('This is no email address.').waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('displayName');
    expect(await violations(ada)).toEqual([]);
  });

  it('keeps an email address, which is nobody else’s', async () => {
    const { page } = ada;
    await page.getByLabel('Name shown to others').fill('Ada');
    await page.getByLabel('Email address').fill('ada@example.org');
    await ada.button('Save').click();
    await page.getByText('Saved.').waitFor();

    await ben.button('Account settings').click();
    await ben.page.getByLabel('Email address').fill('ADA@example.org');
    await ben.button('Save').click();
    await ben.page.getByText('Another account has this address.').waitFor();
    await ben.page.keyboard.press('Escape');
    await ben.page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('tells another name to whoever looks at the room, without a reload', async () => {
    const { page } = ada;
    await ben.showMembers();
    await expect.poll(() => names(ben)).toEqual(['Ada', 'Ben']);
    await page.getByLabel('Name shown to others').fill('Ada Lovelace');
    await page.keyboard.press('Enter');
    await page.getByText('Saved.').waitFor();
    await expect.poll(() => names(ben)).toEqual(['Ada Lovelace', 'Ben']);
    await ben.page.getByRole('log').getByText('Ada Lovelace', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('region', { name: 'Your account' }).getByText('Ada Lovelace').waitFor();
  });
});

describe('one’s data', () => {
  it('is had as a file, with what one has written as the server has it', async () => {
    const { page } = ada;
    await ada.button('Account settings').click();
    const downloading = page.waitForEvent('download');
    await ada.button('Download your data').click();
    const download = await downloading;
    await page.getByText(/^Saved as porcupine-ada-/).waitFor();
    expect(download.suggestedFilename()).toMatch(/^porcupine-ada-\d{4}-\d\d-\d\d\.json$/);
    const text = readFileSync(await download.path(), 'utf8');
    expect(JSON.parse(text)).toEqual(expect.objectContaining({ account: [expect.objectContaining({ username: 'ada', email: 'ada@example.org' })] }));
    expect(text).not.toContain('The tomatoes are ripe.');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });
});

describe('the end of an account', () => {
  it('is explained, asks for the password, and deletes nothing before', async () => {
    const { page } = ada;
    await ada.button('Account settings').click();
    await ada.button('Delete account').click();
    const dialog = page.getByRole('dialog', { name: 'Delete @ada?' });
    await dialog.getByText('What goes, at once and for good').waitFor();
    await ada.button('Delete for good').click();
    await page.getByText('Fill this in.').waitFor();
    await page.getByText('Tick this to go on.').waitFor();
    await dialog.getByLabel('Your password').fill('guessed wrongly');
    await dialog.getByLabel('I know that this can’t be undone.').check();
    await ada.button('Delete for good').click();
    await page.getByText('This isn’t your password. Nothing was deleted.').waitFor();
    expect(await violations(ada)).toEqual([]);
  });

  it('can be left by Escape, which goes back to where one was', async () => {
    const { page } = ada;
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Delete @ada?' }).waitFor({ state: 'detached' });
    await page.getByRole('dialog', { name: 'Your account' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Delete account');
  });

  it('keeps the keyboard inside', async () => {
    const { page } = ada;
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Delete @ada?' }).waitFor();
    for (let presses = 0; presses < 12; presses += 1) {
      await page.keyboard.press('Tab');
      const where = await page.evaluate(() => {
        const { activeElement } = document;
        return activeElement === document.body || activeElement?.closest('dialog')?.querySelector('h2')?.textContent === 'Delete @ada?';
      });
      expect(where).toBe(true);
    }
  });

  it('leads to the sign-in screen, which says so, in all tabs, and leaves nothing in the browser', async () => {
    const { page } = ada;
    const second = await ada.context.newPage();
    await second.goto(stack.origin);
    await second.getByRole('list', { name: 'Your rooms' }).waitFor();
    expect(await databases(ada)).toHaveLength(2);

    await page.getByLabel('Your password').fill(ada.password);
    await page.getByLabel('I know that this can’t be undone.').check();
    await ada.button('Delete for good').click();
    await page.getByText('Your account is deleted, and so is what this browser kept of it.').waitFor();
    expect(await violations(ada)).toEqual([]);
    // Whether it asks before the cookie is gone or after it, the server knows no more.
    await second.getByText(/You’ve signed out in another tab|the account was deleted/).waitFor();
    await expect.poll(() => databases(ada)).toEqual(['porcupine']);
    expect(await remembered(ada)).toEqual([]);
    await second.close();
  });

  it('takes the messages from the others', async () => {
    await ben.page.getByText('Message removed').waitFor();
    await expect.poll(() => ben.texts()).toEqual(['I bring a basket.']);
    // Only the server says that she is gone: nobody else could sign that.
    await expect.poll(() => ben.members()).toEqual(expect.arrayContaining([{ name: 'Ada Lovelace', trust: 'unlisted' }]));
    await ben.page.reload();
    await ben.page.getByText('Message removed').waitFor();
    await expect.poll(() => ben.texts()).toEqual(['I bring a basket.']);
    await ben.send('And on it goes.');
  });

  it('lets nobody in again', async () => {
    await ada.page.getByLabel('Username').fill(ada.name);
    await ada.page.getByLabel('Password').fill(ada.password);
    await ada.button('Sign in').click();
    await ada.page.getByText('The username or password is wrong.').waitFor();
  });
});

async function names(person: Person): Promise<string[]> {
  return (await person.members()).map(({ name }) => name).sort();
}

async function databases(person: Person): Promise<(string | undefined)[]> {
  return person.page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
}

/** Whatever the browser still holds in the one database that is nobody's. */
async function remembered(person: Person): Promise<unknown[]> {
  return person.page.evaluate(async () => {
    const asked = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(new Error('the database could not be read'));
      });
    const database = await asked(indexedDB.open('porcupine'));
    const stores = [...database.objectStoreNames];
    const found: unknown[] = [];
    for (const store of stores) {
      const rows: unknown[] = await asked(database.transaction(store).objectStore(store).getAll());
      found.push(...rows);
    }
    database.close();
    return found;
  });
}
