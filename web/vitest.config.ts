import { defineConfig } from 'vitest/config';
import { catalogues } from './build/catalogues.ts';

export default defineConfig({
  plugins: [catalogues()],
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx', 'build/**/*.test.ts'], environment: 'node' },
});
