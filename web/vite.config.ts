/**
 * How the page is built. The bridge serves `dist/` under a Content-Security-Policy that allows
 * only files of its own origin, so nothing may be inlined: no data: modules, no inline scripts.
 */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const bridge = process.env.PORCUPINE_BRIDGE ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/api': bridge,
      '/.well-known': bridge,
      '/ws': { target: bridge, ws: true },
    },
  },
});
