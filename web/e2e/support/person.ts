/**
 * Somebody at the page: does what a person does, through labels and roles, and reads what a
 * person reads. Holds no knowledge of how the page works inside.
 */
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

export interface PersonOptions {
  context?: BrowserContextOptions;
  theme?: 'dark' | 'light';
  displayName?: string;
}

export interface Said {
  text: string;
  delivery: string;
  seq: number | null;
}

/** So tall that the virtualised timeline keeps all rows of a test's conversation in the document. */
const TALL = { width: 1180, height: 5000 };

export class Person {
  readonly complaints: string[] = [];
  readonly password: string;

  private constructor(
    readonly name: string,
    readonly displayName: string,
    readonly origin: string,
    readonly context: BrowserContext,
    readonly page: Page,
    private readonly touch: boolean,
  ) {
    this.password = `${name}-has-a-long-password`;
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, origin: string, name: string, options: PersonOptions): Promise<Person> {
    const context = await browser.newContext({ viewport: TALL, locale: 'en-GB', ...options.context });
    if (options.theme !== undefined) {
      await context.addInitScript((theme) => localStorage.setItem('porcupine.theme', theme), options.theme);
    }
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    return new Person(name, options.displayName ?? name, origin, context, page, options.context?.hasTouch === true);
  }

  async register(path = '/'): Promise<void> {
    await this.page.goto(this.origin + path);
    const submit = this.button('Create account');
    await this.page.getByLabel('Username').waitFor();
    // By link one arrives at registering, else at signing in.
    if ((await this.page.getByLabel('Name shown to others').count()) === 0) await submit.click();
    await this.page.getByLabel('Username').fill(this.name);
    await this.page.getByLabel('Name shown to others').fill(this.displayName);
    await this.page.getByLabel('Password').fill(this.password);
    await submit.click();
    await this.page.getByLabel('Password').waitFor({ state: 'detached' });
  }

  async signIn(): Promise<void> {
    await this.page.getByLabel('Username').fill(this.name);
    await this.page.getByLabel('Password').fill(this.password);
    await this.button('Sign in').click();
    await this.page.getByLabel('Password').waitFor({ state: 'detached' });
  }

  async signOut(): Promise<void> {
    await this.button('Sign out').click();
    await this.button('Sign in').waitFor();
  }

  async createRoom(name: string): Promise<void> {
    await this.button('New room').first().click();
    await this.page.getByLabel('Room name').fill(name);
    await this.button('Create room').click();
    await this.inRoom(name);
  }

  async inRoom(name: string): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  }

  /** The invite link, as the dialog shows it. */
  async inviteLink(): Promise<string> {
    await this.button('Invite people').first().click();
    await this.button('Create link').click();
    const link = await this.page.getByTestId('invite-link').inputValue();
    await this.closeDialog();
    return link;
  }

  async roomCode(): Promise<string> {
    await this.button('Invite people').first().click();
    const code = await this.page.getByTestId('room-code').innerText();
    await this.closeDialog();
    return code;
  }

  async joinByLink(link: string): Promise<void> {
    await this.page.goto(link);
    await this.button('Join room').click();
  }

  async joinByCode(code: string): Promise<void> {
    await this.button('Join a room').first().click();
    await this.page.getByLabel('Room code or invite link').fill(code);
    await this.button('Join').click();
  }

  async openRoom(name: string): Promise<void> {
    await this.page.getByRole('list', { name: 'Your rooms' }).getByRole('link', { name }).click();
    await this.inRoom(name);
  }

  /** Waits until this person can write: let in, with the room's key. */
  async ready(): Promise<void> {
    await this.composer().waitFor();
  }

  composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message to/ });
  }

  /** Writes and sends by Enter, or by the button where Enter breaks the line; does not wait for the server. */
  async write(text: string): Promise<void> {
    await this.composer().fill(text);
    if (this.touch) await this.button('Send').click();
    else await this.composer().press('Enter');
    await this.message(text).waitFor();
  }

  async send(text: string): Promise<void> {
    await this.write(text);
    await expect.poll(() => this.deliveryOf(text), { message: `${this.name}: "${text}"` }).toBe('sent');
  }

  message(text: string): Locator {
    return this.page.getByTestId('message').filter({ hasText: text });
  }

  async deliveryOf(text: string): Promise<string | null> {
    return (await this.said()).find((said) => said.text === text)?.delivery ?? null;
  }

  /** The whole conversation, in the order of the page. */
  async said(): Promise<Said[]> {
    return this.page.getByTestId('message').evaluateAll((nodes) =>
      nodes.map((node) => ({
        text: node.querySelector('[data-testid="text"]')?.textContent ?? '',
        delivery: node.getAttribute('data-delivery') ?? '',
        seq: node.hasAttribute('data-seq') ? Number(node.getAttribute('data-seq')) : null,
      })),
    );
  }

  async texts(): Promise<string[]> {
    return (await this.said()).map(({ text }) => text);
  }

  async reads(texts: string[]): Promise<void> {
    await expect.poll(() => this.texts(), { message: `what ${this.name} reads` }).toEqual(texts);
  }

  async showMembers(): Promise<void> {
    const button = this.button('Members');
    if ((await button.getAttribute('aria-expanded')) !== 'true') await button.click();
  }

  /** Each member's name and how they are vouched for. */
  async members(): Promise<{ name: string; trust: string }[]> {
    return this.page.getByTestId('member').evaluateAll((nodes) =>
      nodes.map((node) => ({
        name: node.querySelector('[data-testid="member-name"]')?.textContent ?? '',
        trust: node.getAttribute('data-trust') ?? '',
      })),
    );
  }

  /** Waits until nothing moves any more, save what moves for ever. */
  async settled(): Promise<void> {
    await this.page.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter(({ effect }) => effect?.getComputedTiming().iterations !== Infinity)
          .map(({ finished }) => finished),
      ),
    );
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  private async closeDialog(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.page.getByRole('dialog').waitFor({ state: 'detached' });
  }
}
