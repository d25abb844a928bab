import type { Clue, VerdictCode } from '../api/contract.ts';
import type { MessageId, Values } from '../i18n/index.ts';
import { age, duration, secondsSince } from './duration.ts';
import { timeOfDay } from './moment.ts';
import { count, percent, ratePerSecond, signedRate } from './quantity.ts';
import { showName } from './queue-name.ts';
import { inWords } from './server-words.ts';

const CODES: ReadonlySet<VerdictCode> = new Set([
  'starting', 'no_source', 'no_queues', 'all_up', 'source_down', 'instances_down', 'instances_degraded', 'overdue', 'not_kept', 'stuck_workers_idle', 'stuck_jobs_hang', 'no_workers', 'paused_waiting', 'does_not_drain', 'failing', 'flowing', 'idle',
]);

/** A newer server may know causes that this screen does not: then its own English text is shown. */
export const isKnown = (clue: Clue): boolean => CODES.has(clue.code);

const numeric = (value: unknown): number | null => (typeof value === 'number' && Number.isFinite(value) ? value : null);

/** The values of a clue, formatted for its sentences. Raw numbers stay beside them for plural forms. */
export function clueValues(clue: Clue, now: number): Values {
  const { values } = clue;
  const n = (name: string) => numeric(values[name]);
  const text = (name: string) => { const value = values[name]; return typeof value === 'string' ? showName(value) : ''; };
  const net = n('net_rate');
  return {
    queue: showName(clue.queue ?? ''),
    source: clue.source ? showName(clue.source) : text('source'),
    age: age(secondsSince(clue.since, now) ?? n('idle_seconds') ?? n('hung_seconds')),
    known: clue.since || n('idle_seconds') !== null || n('hung_seconds') !== null ? 'yes' : 'no',
    since: timeOfDay(clue.since, now),
    sourceCount: n('source_count') ?? 0,
    instanceCount: n('instance_count') ?? 0,
    instance: text('instance'),
    role: text('role'),
    others: (n('affected') ?? 1) - 1,
    up: n('up') ?? 0,
    all: n('all') ?? 0,
    schedule: text('schedule'),
    what: text('what'),
    workers: n('workers') ?? 0,
    hasWorkers: n('workers') === null ? 'no' : 'yes',
    running: n('running') ?? 0,
    waiting: n('waiting') ?? 0,
    waitingText: count(n('waiting')),
    oldest: duration(secondsSince(clue.since, now) ?? n('oldest_seconds')),
    net: net === null ? '–' : `${signedRate(net)}/s`,
    errorRatio: percent(n('error_ratio')),
    failedRate: ratePerSecond(n('failed_rate')),
    queues: n('queues') ?? 0,
    drain: duration(n('slowest_drain_seconds')),
    slowest: text('slowest_queue'),
    hasSlowest: n('slowest_drain_seconds') === null ? 'no' : 'yes',
    error: typeof values['error'] === 'string' ? inWords(values['error']) : '',
  };
}

/** What a clue is about, as its sentence calls it. */
export const subject = (clue: Clue): string => {
  const named = clue.values['instance'] ?? clue.values['schedule'] ?? clue.values['what'];
  return clue.queue ?? (typeof named === 'string' ? named : clue.source ?? '');
};

export const headline = (clue: Clue): MessageId => `verdict.${clue.code}`;
export const detail = (clue: Clue): MessageId => `verdict.${clue.code}.more`;
export const shortly = (clue: Clue): MessageId => `chip.${clue.code}`;
