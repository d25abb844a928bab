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

/** The sentences of one page, which come with its script and not with the first route's. */
export const PART = 'explore';

/** A catalogue's text, or what it has for `PART` alone. */
function half(text: string, part: boolean): string {
  const sentences = Object.entries(JSON.parse(text) as Record<string, string>);
  return JSON.stringify(Object.fromEntries(sentences.filter(([id]) => id.startsWith(`${PART}.`) === part)));
}

/**
 * Serves `virtual:catalogue/en` and `virtual:catalogue/fr`, compiled from `src/i18n/*.json` while building, and their
 * parts `virtual:catalogue/en/explore` and `virtual:catalogue/fr/explore`.
 */
export function catalogues(): Plugin {
  return {
    name: 'vigie-catalogues',
    resolveId: (id) => (LOCALES.some((locale) => id === PREFIX + locale || id === `${PREFIX}${locale}/${PART}`) ? `\0${id}` : undefined),
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined;
      const [locale = '', part] = id.slice(PREFIX.length + 1).split('/');
      const file = fileOf(locale);
      this.addWatchFile(file);
      const compiled = compileCatalogue(half(readFileSync(file, 'utf8'), part !== undefined));
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(compiled))})`;
    },
  };
}
