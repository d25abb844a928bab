/** `/api/v1/logs` and what belongs to it. */
import { getJson } from './client.ts';
import type { Instant, Maybe } from './contract.ts';

export const LEVELS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

export interface LogEntry {
  time: Instant;
  level: string;
  type?: Maybe<string>;
  source?: Maybe<string>;
  instance?: Maybe<string>;
  queue?: Maybe<string>;
  job?: Maybe<string>;
  trace?: Maybe<string>;
  message: string;
  fields?: Maybe<Record<string, unknown>>;
}

export const FACETS = ['level', 'type', 'source', 'instance', 'queue'] as const;
export type Facet = (typeof FACETS)[number];

/** What is looked for: `level` means at least this, `q` is text or `/regex/`. */
export type LogFilter = Partial<Record<Facet | 'job' | 'trace' | 'q', string | undefined>>;

/** Unix seconds, may have a fraction. */
export interface LogSpan {
  from?: number | undefined;
  to?: number | undefined;
}

export interface LogAnswer {
  entries: LogEntry[];
  next?: Maybe<string>;
  /** Parts of the store that are damaged: lines may be missing. */
  unreadable?: Maybe<number>;
}

/** How many lines fell into each step, by level; steps and levels without any are left out. */
export interface LogHistogram {
  step_seconds: number;
  steps: { time: Instant; counts: Partial<Record<Level, number>>; total: number }[];
}

interface LogFacetValue {
  value: string;
  count: number;
}
/** The most frequent values of each facet with the number of their lines. */
export type LogFacets = Partial<Record<Facet, LogFacetValue[]>> & { total: number };

const at = (seconds: number | undefined): string | undefined => (seconds === undefined ? undefined : new Date(seconds * 1_000).toISOString());
const asked = (filter: LogFilter, span: LogSpan) => ({ ...filter, from: at(span.from), to: at(span.to) });

/** Newest first. */
export const fetchLogs = (filter: LogFilter, span: LogSpan, page: { limit: number; cursor?: string | undefined }, signal: AbortSignal): Promise<LogAnswer> =>
  getJson('/api/v1/logs', { ...asked(filter, span), ...page }, signal);

export const fetchLogHistogram = (filter: LogFilter, span: LogSpan, step: number, signal: AbortSignal): Promise<LogHistogram> =>
  getJson('/api/v1/logs/histogram', { ...asked(filter, span), step }, signal);

export const fetchLogFacets = (filter: LogFilter, span: LogSpan, signal: AbortSignal): Promise<LogFacets> =>
  getJson('/api/v1/logs/facets', asked(filter, span), signal);
