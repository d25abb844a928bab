import type { Rows, Source } from '../api/contract.ts';
import type { Connection } from './protocol.ts';

export interface Link {
  state: Connection;
  reason: string | null;
  since: number;
}

/**
 * fresh: every source answered in its time. stale: one did not, or is down. lost: the stream to Vigie is broken.
 * waiting: nothing has come yet. asleep: the tab was hidden and the stream was let go.
 */
export interface Freshness {
  state: 'fresh' | 'stale' | 'lost' | 'waiting' | 'asleep';
  /** Milliseconds since the last good poll of the source that is furthest behind. */
  age: number | null;
  source: string | null;
  reason: string | null;
  /** Of how many sources the figures are old, and how many there are. */
  old: number;
  sources: number;
  /** Down, or silent for two turns: worth a sentence above the page. A turn missed once is told by the age alone, so that nothing jumps. */
  isLong: boolean;
}

/** Nothing is known of the sources, or nothing is wrong with them. */
const WELL = { source: null, reason: null, old: 0, isLong: false } as const;

/** Polls are jittered by a tenth; so much more may one be late before its figures count as old. */
const JITTER = 1.1;
const GRACE_MS = 450;
const LAG_TO_START_WITH_MS = 150;
const LONGEST_LAG_MS = 1_500;
const REMEMBERED = 20;
const LOST_AFTER_MS = 1_000;

const ageOf = (source: Source, now: number): number | null =>
  source.seen ? Math.max(0, now - Date.parse(source.seen)) : null;

/**
 * How long the news of a good poll takes to get here, by source: the longest of the last ones. It belongs into the
 * measure of staleness, else a server that bundles its messages would look stale between two of them.
 */
export class LagMeter {
  #seen = new Map<string, string>();
  #lags = new Map<string, number[]>();

  hear(doc: Rows<Source> | undefined, now: number): void {
    for (const { source, seen } of Object.values(doc?.rows ?? {})) {
      if (!seen || this.#seen.get(source) === seen) continue;
      const isFirst = !this.#seen.has(source);
      this.#seen.set(source, seen);
      if (isFirst) continue;
      const lag = Math.min(LONGEST_LAG_MS, Math.max(0, now - Date.parse(seen)));
      this.#lags.set(source, [...(this.#lags.get(source) ?? []), lag].slice(-REMEMBERED));
    }
  }

  of(source: string): number {
    const lags = this.#lags.get(source);
    return lags ? Math.max(...lags) : LAG_TO_START_WITH_MS;
  }
}

export const isLate = (source: Source, now: number, lag: number, turns = 1): boolean => {
  const age = ageOf(source, now);
  // The pause begins when a poll ends: one that takes its time makes the next one no later than it has to be.
  const period = source.poll_interval_seconds * JITTER + (source.poll_seconds ?? 0);
  return age === null || age > turns * period * 1_000 + lag + GRACE_MS;
};

export function judgeFreshness(link: Link, doc: Rows<Source> | undefined, now: number, local: number, lags = new LagMeter()): Freshness {
  if (link.state === 'asleep') return { ...WELL, state: 'asleep', age: null, sources: 0 };
  const sources = Object.values(doc?.rows ?? {});
  const ages = sources.map((source) => ageOf(source, now)).filter((age) => age !== null);
  const age = ages.length > 0 ? Math.max(...ages) : null;
  const lost = link.state === 'broken' && local - link.since >= LOST_AFTER_MS;
  if (lost) return { state: 'lost', age, source: null, reason: link.reason, old: sources.length, sources: sources.length, isLong: true };
  if (!doc) return { state: link.state === 'broken' ? 'lost' : 'waiting', age, source: null, reason: link.reason, old: 0, sources: 0, isLong: true };
  const old = sources.filter((source) => !source.up || isLate(source, now, lags.of(source.source)));
  const bad = old.find((source) => !source.up) ?? old[0];
  if (!bad) return { ...WELL, state: sources.length > 0 ? 'fresh' : 'waiting', age, sources: sources.length };
  return { state: 'stale', age: ageOf(bad, now), source: bad.source, reason: bad.error ?? null, old: old.length, sources: sources.length, isLong: old.some((source) => !source.up || isLate(source, now, lags.of(source.source), 2)) };
}
