// Unit tests: the SDK and the page's components, in Node. The browser tests in e2e/ have a
// configuration of their own, because they need a running server and Chromium.
// A component test asks for a DOM by its first line: // @vitest-environment happy-dom
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  test: {
    environment: 'node',
    setupFiles: ['fake-indexeddb/auto'],
    include: ['sdk/{src,test}/**/*.test.ts', 'src/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', 'dist/**', 'e2e/**'],
    // Two workers: the machines that run this have two cores and other things to do.
    maxWorkers: 2,
    testTimeout: 20_000,
  },
});
