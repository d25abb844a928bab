import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileMessageOrThrow } from '@lingui/message-utils/compileMessage';
import type { Plugin } from 'vite';

const PREFIX = 'virtual:catalogue/';
const LOCALES = ['en', 'fr'] as const;

const fileOf = (name: string) => fileURLToPath(new URL(`../src/i18n/${name}.json`, import.meta.url));
/** What the server says in English, in French: a catalogue of its own, with the English as ids. */
const SERVER = 'server';

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

const each = (prefix: string, names: string) => names.split(' ').map((name) => `${prefix}.${name}`);

/** The sentences of some pages, by their ids or how these begin: they come with the page and not with the first route. */
export const PARTS: Record<string, readonly string[]> = {
  // What the cards on Now say of instances and lines.
  cards: [
    'topic', ...each('instances', 'title small info health all none up down degraded unknown disagree disagreeTip stale absent leader linesTip'),
    ...each('instances.col', 'name status p95 load'), ...each('logs', 'title small info inContext all none'),
    ...each('logs.level', 'unknown trace debug info warn error fatal'),
  ],
  // Opened by a key or a press.
  dialogs: ['keys', ...each('palette', 'title placeholder page worker action none count pause light dark system utc local wall')],
  explore: ['explore'],
  queue: [
    ...each('state', 'waiting waitingTip active activeTip scheduled scheduledTip retry retryTip completed completedTip failed failedTip blocked blockedTip'),
    ...each('line', 'waiting active scheduled retry waitP95 waitP50 runP95 runP50 errors'), 'absent.state', 'absent.type', 'absent.since', 'unit.perSecondLong',
    'active', 'ambiguous', 'depth', 'errorGroups', 'errors', 'failed', 'gone', 'heat', 'queue', 'queueWorkers', 'rates', 'timeline', 'times', 'types', 'unknown',
  ],
  settings: ['api', 'check', 'first', 'forward', 'settings', 'source', 'sources', 'storage'],
  watch: ['instances', 'logs', 'events'],
  workers: ['loadMap', 'worker.col', ...each('worker', 'noJob moreJobs'), ...each('absent', 'host heartbeat jobs jobsYet version'), ...each('workers', 'info filter shown noMatch')],
};
const partWith = (name: string) => Object.keys(PARTS).find((part) => PARTS[part]?.includes(name));
/** By the longest beginning of the id that a part names. */
function partOf(id: string): string | undefined {
  const part = partWith(id);
  const end = id.lastIndexOf('.');
  return part ?? (end < 0 ? undefined : partOf(id.slice(0, end)));
}

/** What a catalogue has for a part, or what no part has. */
function share(text: string, part: string | undefined): string {
  const sentences = Object.entries(JSON.parse(text) as Record<string, string>);
  return JSON.stringify(Object.fromEntries(sentences.filter(([id]) => partOf(id) === part)));
}

/**
 * Serves `virtual:catalogue/en` and `virtual:catalogue/fr`, compiled from `src/i18n/*.json` while building, and their
 * parts, such as `virtual:catalogue/en/explore`.
 */
export function catalogues(): Plugin {
  return {
    name: 'vigie-catalogues',
    resolveId(id) {
      if (!id.startsWith(PREFIX)) return undefined;
      const [locale = '', part] = id.slice(PREFIX.length).split('/');
      const isKnown = LOCALES.some((known) => known === locale) && (part === undefined || part in PARTS || (part === SERVER && locale === 'fr'));
      return isKnown ? `\0${id}` : undefined;
    },
    load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return undefined;
      const [locale = '', part] = id.slice(PREFIX.length + 1).split('/');
      const file = fileOf(part === SERVER ? `${SERVER}.${locale}` : locale);
      this.addWatchFile(file);
      const text = readFileSync(file, 'utf8');
      const compiled = compileCatalogue(part === SERVER ? text : share(text, part));
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(compiled))})`;
    },
  };
}
