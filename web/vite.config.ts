import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { catalogues } from './build/catalogues.ts';
import { precompress } from './build/precompress.ts';

const server = process.env['VIGIE_URL'] ?? 'http://127.0.0.1:4780';

export default defineConfig({
  plugins: [react(), catalogues(), precompress()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // What the first route needs is one file: cut into two dozen, it compresses worse by 5 KB.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', test: /src\/main\.tsx$/ }] } } },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      '^/(api/(?!docs)|loki|metrics|healthz|readyz)': { target: server, changeOrigin: true },
    },
  },
});
