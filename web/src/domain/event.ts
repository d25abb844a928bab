import type { Kind, VigieEvent } from '../api/contract.ts';
import { sentence, type MessageId } from '../i18n/index.ts';
import { timeOfDay } from './moment.ts';
import { showName } from './queue-name.ts';
import { inWords } from './server-words.ts';

/** Vigie's own: what they are about is said by these words, the subject and the detail. */
const OWN = [
  'source_found', 'source_lost', 'source_recovered', 'queue_appeared', 'queue_gone', 'queue_paused', 'queue_resumed', 'worker_joined', 'worker_left',
  'instance_joined', 'instance_left', 'instance_down', 'instance_up', 'instance_restarted', 'vigie_started', 'config_changed',
] as const;

/** Those that its sources tell, with a message. */
const TOLD_KINDS = ['workflow_overdue', 'workflow_on_time'] as const;

/** What people and their machines tell, by the words that they use most. */
const COMMON = ['alert', 'deploy', 'maintenance', 'migration', 'release', 'restart', 'rollback', 'scale', 'start', 'stop'] as const;

const isOwn = (type: string): boolean => OWN.some((kind) => kind === type);

export const eventWording = (type: string): MessageId => {
  const known = [...OWN, ...TOLD_KINDS, ...COMMON].find((candidate) => candidate === type);
  return known ? `event.${known}` : 'event.other';
};

/** `cache_flushed` and `cacheFlushed` as "Cache flushed". */
const readable = (type: string): string => {
  const text = showName(type).replaceAll(/[_.\-\s]+/g, ' ').replaceAll(/(\p{Ll})(\p{Lu})/gu, (_, end: string, begin: string) => `${end} ${begin.toLowerCase()}`).trim();
  return text === '' ? showName(type) : text.charAt(0).toUpperCase() + text.slice(1);
};

/** What sort of event it is, in a word of the language on the screen, or a word made of its type. */
export const eventTypeName = (type: string): string => sentence(eventWording(type), { type: readable(type) });

const BROKERS = ['asynq', 'bull', 'bullmq', 'n8n'] as const satisfies Kind[];

/** What was said beside the rest, where it is a text. */
export const field = (event: VigieEvent, name: string): string | null => {
  const value = event.fields?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
};

/** The queue it is about, where it is about one that has a page. */
export function eventQueue(event: VigieEvent): { source: string; kind: Kind; queue: string } | null {
  const queue = field(event, 'queue');
  const kind = BROKERS.find((known) => known === field(event, 'kind'));
  return queue !== null && kind && event.source ? { source: event.source, kind, queue } : null;
}

/** Whether the page of a queue shows it: it is about that queue, or about none, such as a deploy. */
export function isAboutQueue(event: VigieEvent, address: { source: string; kind: string; queue: string } | null): boolean {
  const queue = field(event, 'queue');
  if (address === null || queue === null) return true;
  return queue === address.queue && event.source === address.source && field(event, 'kind') === address.kind;
}

const MOST = 2_000;

/** New ones among those that are known, newest first; each once. */
export function withNews(news: readonly VigieEvent[], known: readonly VigieEvent[]): VigieEvent[] {
  const has = new Set(known.map(({ id }) => id));
  const all = [...news.filter(({ id }) => !has.has(id)), ...known];
  return all.toSorted((a, b) => Date.parse(b.time) - Date.parse(a.time)).slice(0, MOST);
}

/** Who or what it is about. */
export const eventSubject = (event: VigieEvent): string => event.subject ?? field(event, 'queue') ?? event.source ?? '';

/** What was said beside type and subject: of Vigie's own events, which are put into words here, only the detail. */
export function eventWords(event: VigieEvent): string {
  if (!isOwn(event.type)) return event.message === eventSubject(event) ? '' : inWords(event.message);
  const detail = field(event, 'detail') ?? '';
  // Of queues and workers it is names, which are the same in every language.
  return /^(?:source|instance|config)_/.test(event.type) ? inWords(detail) : detail;
}

/** Who it is about and what was said, where anything was. */
const about = (event: VigieEvent): string => [eventSubject(event), eventWords(event)].filter(Boolean).map((part) => showName(part)).join(' · ');

/** "14:02:11 Worker left: api-3", for a mark on a chart. */
const eventLine = (event: VigieEvent): string =>
  sentence('event.line', { time: timeOfDay(event.time), what: eventTypeName(event.type), about: about(event) });

/** One of Vigie's own events in words, of what a line of the log has of it; null for what others told. */
export function ownEventText(type: string, source: string | null, fields: Record<string, unknown>): string | null {
  if (!isOwn(type)) return null;
  const subject = typeof fields['subject'] === 'string' ? fields['subject'] : null;
  const said = about({ id: '', time: '', type, severity: 'info', source, subject, message: '', fields });
  return sentence('event.line', { time: '', what: eventTypeName(type), about: said }).trim();
}

const RANK = { critical: 3, warning: 2, info: 1, ok: 0 } as const;

const FOLDED_FROM = 5;
const FOLDED_SECONDS = 60;

/**
 * Events, newest first, in runs: many of one sort in short order, such as the workers of a deploy, are one run; everything else is
 * a run of its own. What is wrong is never folded away.
 */
export function eventRuns(events: readonly VigieEvent[]): VigieEvent[][] {
  const runs: VigieEvent[][] = [];
  for (const event of events) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const goesOn = last && last.type === event.type && last.source === event.source && RANK[event.severity] <= RANK.info && RANK[last.severity] <= RANK.info
      && Date.parse(last.time) - Date.parse(event.time) <= FOLDED_SECONDS * 1_000;
    if (run && goesOn) run.push(event);
    else runs.push([event]);
  }
  return runs.flatMap((run) => (run.length < FOLDED_FROM ? run.map((event) => [event]) : [run]));
}


/** Events that would lie on one another, as one mark; each with its place in pixels. */
export interface Cluster {
  at: number;
  severity: VigieEvent['severity'];
  events: VigieEvent[];
}

/** Events, newest first, as marks that are at least `apart` pixels from one another. */
export function clusterEvents(events: readonly VigieEvent[], place: (seconds: number) => number, width: number, apart: number): Cluster[] {
  const clusters: Cluster[] = [];
  for (const event of events.toReversed()) {
    const at = place(Date.parse(event.time) / 1_000);
    if (!(at >= 0 && at <= width)) continue;
    const last = clusters.at(-1);
    if (last && at - last.at < apart) {
      last.events.push(event);
      if (RANK[event.severity] > RANK[last.severity]) last.severity = event.severity;
    } else {
      clusters.push({ at, severity: event.severity, events: [event] });
    }
  }
  return clusters;
}

const TOLD = 6;

/** What a mark says: its events, the first of them in words. */
export function clusterText(cluster: Cluster): string {
  const lines = cluster.events.slice(0, TOLD).map(eventLine);
  const rest = cluster.events.length - lines.length;
  return [...lines, ...(rest > 0 ? [sentence('load.more', { n: rest })] : [])].join('\n');
}
