import { i18n } from '@lingui/core';
import { getJson } from '../api/client.ts';
import type { FunctionHelp } from '../api/stored.ts';
import { sentence, type MessageId } from '../i18n/index.ts';
import type { Context } from './context.ts';
import { DURATIONS, SELECTOR, type Proposal } from './complete.ts';
import { BUILT_IN, LOG_EXPLAINED, LOG_FOLLOWING, LOG_OPERANDS, LOG_STAGES } from './vocabulary.ts';

const KEEP_MS = 60_000;
const MOST_KEPT = 100;

interface Metadata {
  type: string;
  help: string;
}

/** A question without an answer for so long is given up, so that the next one is asked anew. */
const PATIENCE_MS = 10_000;

/** What was asked lately, so that typing asks once. Neither a failure is kept nor an empty list: what a young store does not know yet, it may soon. */
const kept = new Map<string, { at: number; answer: Promise<unknown> }>();

function keep<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const known = kept.get(key);
  if (known && Date.now() - known.at < KEEP_MS) return known.answer as Promise<T>;
  const answer = ask();
  kept.set(key, { at: Date.now(), answer });
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value ?? '');
  const forget = () => { if (kept.get(key)?.answer === answer) kept.delete(key); };
  answer.then((told) => { if (Array.isArray(told) && told.length === 0) forget(); }, forget);
  return answer;
}

async function data<T>(path: string, parameters: Record<string, string | undefined>): Promise<T> {
  const answer = await getJson<{ data: T }>(path, parameters, AbortSignal.timeout(PATIENCE_MS));
  return answer.data;
}

const list = (path: string, selector: string): Promise<string[]> =>
  keep(`${path} ${selector}`, () => data<string[]>(path, { 'match[]': selector || undefined }));

const orElse = async <T>(answer: Promise<T>, otherwise: T): Promise<T> => {
  try {
    return await answer;
  } catch {
    return otherwise;
  }
};

const metadata = (): Promise<Record<string, Metadata[]>> => orElse(keep('metadata', () => data<Record<string, Metadata[]>>('/api/v1/metadata', {})), {});

/** The help comes from the server; without it the words alone are known. */
const functions = (): Promise<readonly FunctionHelp[]> =>
  orElse(keep('functions', async () => (await getJson<{ functions: FunctionHelp[] }>('/api/v1/promql/functions', {}, AbortSignal.timeout(PATIENCE_MS))).functions), []);

/** The help in the language on the screen, by name; English is what the server speaks. */
const translations = async (): Promise<Readonly<Record<string, string>>> =>
  i18n.locale === 'fr' ? orElse(import('../i18n/query.fr.json').then(({ default: help }) => help), {}) : {};

/** What is said of a name; a stranger's metric may be called as one of Vigie's and be another. */
const said = (help: string, translated: string | undefined): Pick<Proposal, 'help' | 'isEnglish'> =>
  translated === undefined || help === '' ? { help, isEnglish: true } : { help: translated };

async function words(kinds: ReadonlySet<string>): Promise<Proposal[]> {
  const [told, other] = await Promise.all([functions(), translations()]);
  const byName = new Map([...BUILT_IN, ...told].map((word) => [word.name, word]));
  return [...byName.values()].filter((word) => kinds.has(word.kind)).map(({ name, kind, signature, help }) => ({ text: name, kind, detail: signature, ...said(help, other[name]) }));
}

/** "_total" of a counter, "_bucket" of a histogram: the description stands at the name without it. */
const described = (all: Record<string, Metadata[]>, name: string): Metadata | undefined => (all[name] ?? all[name.replace(/_(?:bucket|sum|count|total)$/, '')])?.[0];

async function metrics(): Promise<Proposal[]> {
  const [names, all, other] = await Promise.all([list('/api/v1/label/__name__/values', ''), metadata(), translations()]);
  return names.map((text) => {
    const about = described(all, text);
    const help = about?.help ?? '';
    const isOwn = text.startsWith('vigie_') || help.includes('Vigie');
    return { text, kind: 'metric', detail: about?.type ?? '', ...said(help, isOwn ? other[text.replace(/_(?:bucket|sum|count)$/, '')] : undefined) };
  });
}

const plain = (texts: readonly string[], kind: Proposal['kind']): Proposal[] => texts.map((text) => ({ text, kind, detail: '', help: '' }));

/** A selector that the server does not take (half of it is still missing) must not leave one without proposals. */
async function narrowed(path: string, selector: string): Promise<string[]> {
  if (selector === '') return list(path, '');
  const some = await orElse(list(path, selector), []);
  return some.length > 0 ? some : list(path, '');
}

const OPERANDS: ReadonlySet<string> = new Set(['function', 'aggregation']);
const FOLLOWING: ReadonlySet<string> = new Set(['keyword', 'modifier']);

/** Labels of logs are looked for so far back. */
const LOGS_SINCE = '168h';

const logList = (path: string, selector: string): Promise<string[]> =>
  keep(`${path} ${selector}`, () => data<string[]>(path, { query: selector || undefined, since: LOGS_SINCE }));

/** What the selector finds; everything where it is not whole yet, or finds nothing. */
async function narrowedLogs(path: string, selector: string): Promise<string[]> {
  const some = selector === '' ? [] : await orElse(logList(path, selector), []);
  return some.length > 0 ? some : logList(path, '');
}

/** The fields within the lines that a selector finds: what a parser would make labels of. */
const fields = (selector: string): Promise<string[]> => selector === '' ? Promise.resolve([]) : orElse(keep(`fields ${selector}`, async () => {
  const told = await getJson<{ fields?: { label: string }[] | null }>('/loki/api/v1/detected_fields', { query: selector }, AbortSignal.timeout(PATIENCE_MS));
  return (told.fields ?? []).map(({ label }) => label);
}), []);

const logHelp = (name: string): string => (LOG_EXPLAINED.has(name) ? sentence(`explore.logql.${name}` as MessageId) : '');
const asProposals = (all: readonly FunctionHelp[]): Proposal[] => all.map(({ name, kind, signature }) => ({ text: name, kind, detail: signature, help: logHelp(name) }));
const FILTERS = plain(['|= ""', '!= ""', '|~ ""', '!~ ""'], 'keyword');

async function logLabels(selector: string): Promise<Proposal[]> {
  const [labels, within] = await Promise.all([orElse(narrowedLogs('/loki/api/v1/labels', selector), []), fields(selector)]);
  return plain([...new Set([...labels, ...within])], 'label');
}

/** The same for LogQL. */
async function logCandidates(context: Context): Promise<Proposal[]> {
  switch (context.kind) {
    case 'duration':
      return plain(DURATIONS, 'duration');
    case 'word':
      return [...FILTERS, ...LOG_STAGES.map(({ name, kind }) => ({ text: `| ${name}`, kind, detail: '', help: logHelp(name) })), ...asProposals(LOG_FOLLOWING)];
    case 'stage':
      return [...asProposals(LOG_STAGES), ...await logLabels(context.selector)];
    case 'operand':
      return [...plain([SELECTOR], 'keyword'), ...asProposals(LOG_OPERANDS)];
    case 'label':
      return plain(await narrowedLogs('/loki/api/v1/labels', context.selector), 'label');
    case 'grouping':
      return logLabels(context.selector);
    case 'value':
      return plain(await narrowedLogs(`/loki/api/v1/label/${encodeURIComponent(context.label ?? '')}/values`, context.selector), 'value');
    default:
      return [];
  }
}

/** Everything that may stand where the cursor is, not yet ranked. */
export async function candidates(context: Context, isLog = false): Promise<Proposal[]> {
  if (isLog) return logCandidates(context);
  switch (context.kind) {
    case 'duration':
      return plain(DURATIONS, 'duration');
    case 'word':
      return words(FOLLOWING);
    case 'operand': {
      const [known, language] = await Promise.all([orElse(metrics(), []), words(OPERANDS)]);
      return [...known, ...language];
    }
    case 'label':
    case 'grouping':
      return plain((await narrowed('/api/v1/labels', context.selector)).filter((name) => name !== '__name__' || context.selector === ''), 'label');
    case 'value':
      return plain(await narrowed(`/api/v1/label/${encodeURIComponent(context.label ?? '')}/values`, context.selector), 'value');
    default:
      return [];
  }
}

export const formatted = (query: string, isLog = false): Promise<string> => data<string>(isLog ? '/loki/api/v1/format_query' : '/api/v1/format_query', { query });

export const metricNames = (): Promise<string[]> => list('/api/v1/label/__name__/values', '');
