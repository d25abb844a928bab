import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileMessageOrThrow } from '@lingui/message-utils/compileMessage';
import type { Plugin } from 'vite';

const PREFIX = 'virtual:catalogue/';
const LOCALES = ['en', 'fr'] as const;

const fileOf = (locale: string) => fileURLToPath(new URL(`../src/i18n/${locale}.json`, import.meta.url));

/** Turns one catalogue of ICU sentences into Lingui's compiled form; a sentence that does not parse stops the build. */
export function compileCatalogue(text: string): Record<string, unknown> {
  const sentences = JSON.parse(text) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(sentences).map(([id, sentence]) => {
      try {
        return [id, compileMessageOrThrow(sentence)];
      } catch (cause) {
        throw new Error(`catalogue sentence ${id} does not parse`, { cause });
      }
    }),
  );
}

/** Serves `virtual:catalogue/en` and `virtual:catalogue/fr`, compiled from `src/i18n/*.json` while building. */
export function catalogues(): Plugin {
  return {
    name: 'vigie-catalogues',
    resolveId: (id) => (LOCALES.some((locale) => id === PREFIX + locale) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined;
      const file = fileOf(id.slice(PREFIX.length + 1));
      this.addWatchFile(file);
      const compiled = compileCatalogue(readFileSync(file, 'utf8'));
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(compiled))})`;
    },
  };
}
