/**
 * The page outlives its access token: two tabs that renew it at the same moment share one session, a tab that was asleep goes on, and
 * so does one whose answer was lost. One that never hears of the answer is signed out, and told why.
 */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { violations } from './support/accessibility';
import { People } from './support/browser';
import { Cutter } from './support/cutter';
import { owning } from './support/owned';
import type { Person } from './support/person';
import { freePort, Stack } from './support/stack';

const own = owning();
let stack: Stack;
let cutter: Cutter;
let people: People;
let ada: Person;

beforeAll(async () => {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  stack = own(await Stack.up('refresh', { origins: [origin] }), (stack) => stack.remove());
  cutter = own(await Cutter.start(port, () => stack.port), (cutter) => cutter.stop());
  people = own(await People.start(origin), (people) => people.close());
  ada = await people.add('ada');
  await ada.register();
});

const sql = async (statement: string) => (await stack.postgres('psql', ['-qAtc', statement])).trim();
const sessions = () => sql("SELECT count(*) FILTER (WHERE ended_at IS NULL) || ' of ' || count(*) FROM porcupine.sessions");
const rooms = (page: Page) => page.getByRole('list', { name: 'Your rooms' });

describe('a tab that was asleep', () => {
  it('finds its token expired and its connection dead, and goes on', async () => {
    const { page } = ada;
    await page.clock.install();
    await page.reload();
    await ada.createRoom('Night shift');
    await ada.ready();
    await stack.killBridge();
    await page.getByTestId('offline').waitFor();
    await page.clock.fastForward('02:00:00');
    await stack.verb('start-bridge');
    await page.clock.runFor(60_000);
    await page.clock.resume();
    await ada.send('good morning');
    expect(await sessions()).toBe('1 of 1');
  });
});

describe('two tabs', () => {
  it('renew at the same moment, again and again, and share one session', async () => {
    // So short that the page renews before each call.
    await sql("ALTER DATABASE porcupine SET porcupine.access_lifetime = '30s'");
    await stack.verb('stop-bridge');
    await stack.verb('start-bridge');
    const second = await ada.context.newPage();
    await Promise.all([ada.page.reload(), second.goto(ada.origin)]);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        [ada.page, second].map(async (page) => {
          await page.reload();
          await page.getByRole('button', { name: 'Account settings' }).click();
          await page.getByTestId('sign-in').waitFor();
          await page.keyboard.press('Escape');
        }),
      );
    }
    expect(await sessions()).toBe('1 of 1');
    await rooms(second).getByRole('link', { name: 'Night shift' }).click();
    const composer = second.getByRole('textbox', { name: /^Message to/ });
    await composer.fill('from the second tab');
    await composer.press('Enter');
    await expect.poll(() => ada.deliveryOf('from the second tab')).toBe('sent');
    await ada.send('from the first');
    await second.close();
  });
});

describe('an answer that is lost', () => {
  it('is had when the page asks again in time', async () => {
    cutter.cutting = true;
    await ada.page.reload();
    await expect.poll(() => cutter.cuts).toBeGreaterThan(1);
    // However long that took here.
    await sql("UPDATE porcupine.sessions SET rotated_at = clock_timestamp() + interval '1 hour'");
    cutter.cutting = false;
    await ada.send('still here');
    expect(await sessions()).toBe('1 of 1');
  });

  it('is the end of the sign-in when it comes too late, in words', async () => {
    cutter.cutting = true;
    const before = cutter.cuts;
    await ada.page.reload();
    await expect.poll(() => cutter.cuts).toBeGreaterThan(before);
    await sql("UPDATE porcupine.sessions SET rotated_at = clock_timestamp() - interval '11 seconds'");
    cutter.cutting = false;
    await ada.page.getByText('That happens when its connection breaks at the wrong moment').waitFor();
    expect(await sessions()).toBe('0 of 1');
    expect(await violations(ada)).toEqual([]);
    await ada.signIn();
    await ada.openRoom('Night shift');
    await ada.send('and in again');
  });
});
