// `npm run screenshots`: writes docs/screenshots from a running stack of its own. No test, so
// `npm run e2e` leaves it out: pictures change with fonts and are looked at by people.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['screenshots.ts'],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
  },
});
