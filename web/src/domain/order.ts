import type { Maybe, Row } from '../api/contract.ts';
import { usedShare } from './quantity.ts';
import { severityRank } from './severity.ts';

export const SORTS = [
  'worst', 'name', 'waiting', 'active', 'scheduled', 'retry', 'failed', 'oldest', 'in', 'out', 'net', 'drain', 'wait', 'run', 'errors', 'busy',
] as const;
export type Sort = (typeof SORTS)[number];
export type Direction = 'asc' | 'desc';

export const netRate = (row: Row): number | null =>
  typeof row.in_rate === 'number' && typeof row.out_rate === 'number' ? row.in_rate - row.out_rate : null;

/** How long it lasts: what grows lasts longest, and the faster it grows the longer. */
const drainKey = (row: Row): Maybe<number> => {
  if (typeof row.drain_seconds !== 'number') return null;
  return row.drains === false ? 1e12 + 1 / Math.max(1e-9, Math.abs(row.drain_seconds)) : row.drain_seconds;
};

const KEYS: Record<Exclude<Sort, 'worst' | 'name'>, (row: Row) => Maybe<number>> = {
  waiting: (row) => row.waiting,
  active: (row) => row.active,
  scheduled: (row) => row.scheduled,
  retry: (row) => row.retry,
  failed: (row) => row.failed,
  oldest: (row) => (row.oldest_at ? -Date.parse(row.oldest_at) : null),
  in: (row) => row.in_rate,
  out: (row) => row.out_rate,
  net: netRate,
  drain: drainKey,
  wait: (row) => row.wait_p95,
  run: (row) => row.run_p95,
  errors: (row) => row.error_ratio,
  busy: (row) => (row.capacity ? usedShare(row) : row.busy),
};

const byName = (a: Row, b: Row): number =>
  compareText(a.queue, b.queue) || compareText(a.source, b.source) || compareText(a.kind, b.kind);

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Powers of two: within one, rows keep their places, else the table would dance every second. */
const magnitude = (waiting: Maybe<number>): number => Math.ceil(Math.log2((waiting ?? 0) + 1));

const byWorst = (a: Row, b: Row): number =>
  severityRank(a.severity) - severityRank(b.severity) || magnitude(b.waiting) - magnitude(a.waiting) || byName(a, b);

/** Unknown figures come last in either direction. */
function byNumber(key: (row: Row) => Maybe<number>, direction: Direction) {
  const sign = direction === 'asc' ? 1 : -1;
  return (a: Row, b: Row): number => {
    const left = key(a);
    const right = key(b);
    if (typeof left !== 'number' || typeof right !== 'number') {
      return Number(typeof left !== 'number') - Number(typeof right !== 'number') || byName(a, b);
    }
    return sign * (left - right) || byName(a, b);
  };
}

export function rowOrder(sort: Sort, direction: Direction): (a: Row, b: Row) => number {
  if (sort === 'worst') return direction === 'desc' ? byWorst : (a, b) => byWorst(b, a);
  if (sort === 'name') return direction === 'asc' ? byName : (a, b) => byName(b, a);
  return byNumber(KEYS[sort], direction);
}

export const matches = (row: Row, filter: string): boolean =>
  filter === '' ||
  filter.toLowerCase().split(/\s+/).every((word) => `${row.queue} ${row.source} ${row.kind}`.toLowerCase().includes(word));
