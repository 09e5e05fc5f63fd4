/** Debian's Chromium, and one profile in it for each person. */
import { chromium, type Browser } from 'playwright-core';
import { Person, type PersonOptions } from './person';

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export class People {
  private readonly persons: Person[] = [];

  private constructor(
    readonly browser: Browser,
    readonly origin: string,
  ) {}

  static async start(origin: string): Promise<People> {
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    return new People(await chromium.launch({ executablePath, args: QUIET }), origin);
  }

  async add(name: string, options: PersonOptions = {}): Promise<Person> {
    const person = await Person.open(this.browser, this.origin, name, options);
    this.persons.push(person);
    return person;
  }

  /** What any page said in its console or threw, by person; a test that expects none says so. */
  complaints(): string[] {
    return this.persons.flatMap((person) => person.complaints.map((words) => `${person.name}: ${words}`));
  }

  async close(): Promise<void> {
    await this.browser.close();
  }
}
