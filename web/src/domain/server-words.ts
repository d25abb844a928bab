import { i18n } from '@lingui/core';
import { numberFormat, sentence, type MessageId, type Values } from '../i18n/index.ts';

/** One sentence of the server: how it is known, and what the stretches that differ are called. */
interface Saying {
  id: string;
  pattern: RegExp;
  names: string[];
}

const COUNTS = new Set(['n', 'm', 'k']);
const MOST_KEPT = 1_000;

const capture = (name: string): string => (COUNTS.has(name) ? String.raw`(\d+)` : name === 's' ? String.raw`([\d.]+)` : '(.+?)');

/**
 * The server's sentences are the ids of `i18n/server.fr.json`, with names where it fills something in: `{n}`, `{m}` and `{k}` are
 * counts, `{s}` a decimal, `{why}` (and what begins so) another sentence of its own, others anything; `(s)` may be there or not.
 */
export function sayingOf(id: string): Saying {
  const names: string[] = [];
  const pattern = id.replaceAll(/\{(\w+)\}|\(s\)|[.*+?^${}()|[\]\\]/g, (found, name: string | undefined) => {
    if (name === undefined) return found === '(s)' ? 's?' : `\\${found}`;
    names.push(name);
    return capture(name);
  });
  return { id, pattern: new RegExp(`^${pattern}$`), names };
}

let sayings: Saying[] | null = null;
let loading: Promise<void> | null = null;
const known = new Map<string, string | null>();

/** Fetches the words; whoever follows the language is drawn again when they are there. */
export function loadServerWords(): Promise<void> {
  loading ??= import('virtual:catalogue/fr/server').then(({ default: catalogue }) => {
    sayings = Object.keys(catalogue).map(sayingOf);
    i18n.load('fr', catalogue);
  });
  return loading;
}

function asSaying(text: string): string | null {
  for (const { id, pattern, names } of sayings ?? []) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values: Values = Object.fromEntries(names.map((name, i) => {
      const part = found[i + 1] ?? '';
      return [name, COUNTS.has(name) ? Number(part) : name === 's' ? numberFormat(3).format(Number(part)) : name.startsWith('why') ? (translated(part) ?? part) : part];
    }));
    return sentence(id as MessageId, values);
  }
  return null;
}

/** Several sentences after one another, or what one is about and a sentence: what is not known stays as it is. */
function asParts(text: string): string | null {
  for (const [between, here] of [['; ', '\u00a0; '], [': ', '\u00a0: '], [', ', ', ']] as const) {
    const cut = text.indexOf(between);
    if (cut < 0) continue;
    const [head, tail] = [text.slice(0, cut), text.slice(cut + between.length)];
    const [first, rest] = [translated(head), translated(tail)];
    if (first !== null || rest !== null) return `${first ?? head}${here}${rest ?? tail}`;
  }
  const advised = /^(.+) \((.+)\)$/.exec(text);
  const [said, hint] = [translated(advised?.[1] ?? ''), translated(advised?.[2] ?? '')];
  return said === null || hint === null ? null : `${said} (${hint})`;
}

function translated(text: string): string | null {
  if (text === '') return null;
  const kept = known.get(text);
  if (kept !== undefined) return kept;
  const found = asSaying(text) ?? asParts(text);
  if (known.size >= MOST_KEPT) known.clear();
  known.set(text, found);
  return found;
}

/** What the server says in English, in the language on the screen; as it is where it is not known here. */
export function inWords(text: string): string {
  if (i18n.locale !== 'fr' || text === '') return text;
  if (!sayings) {
    // Without them the sentence stays English, which is no reason to break anything.
    loadServerWords().catch(() => undefined);
    return text;
  }
  return translated(text) ?? text;
}
