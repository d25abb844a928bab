/** What the store answers: history of any length, heat maps, events, and what PromQL knows. */
import { ApiFault, type QueueAddress } from './client.ts';
import type { Column, History, Instant, Maybe, Problem, VigieEvent } from './contract.ts';

/** `/api/v1/history` with `from`, `to` and `points`. */
export interface StoredHistory extends History {
  /** What stands behind each column, for Explore. */
  queries?: Partial<Record<Column, string>>;
  resolution?: 'live' | 'stored';
}

/** `/api/v1/heatmap`: how many attempts fell into each bucket, step by step. */
export interface HeatMap {
  at: Instant;
  start: Instant;
  step_seconds: number;
  /** Upper bounds in seconds, ascending; there is one bucket more than bounds. */
  bounds: number[];
  /** One list a step; null is a step in which nobody looked. */
  counts: (number[] | null)[];
}

export interface FunctionHelp {
  name: string;
  signature: string;
  help: string;
  kind: 'function' | 'aggregation' | 'keyword' | 'modifier';
}

export interface Stretch {
  from: number;
  to: number;
  points: number;
}

type Parameters = Record<string, string | number | undefined>;

/** A GET that says what the server said when it says no. */
export async function getJson<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== undefined) search.set(key, String(value));
  const response = await fetch(`${path}?${search}`, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
  if (!response.ok) {
    const problem = (await response.json().catch(() => null)) as (Problem & { error?: string }) | null;
    throw new ApiFault(response.status, problem?.detail ?? problem?.error ?? problem?.title ?? `HTTP ${response.status}`);
  }
  return (await response.json()) as T;
}

export const fetchStretch = (address: QueueAddress | null, stretch: Stretch, signal: AbortSignal): Promise<StoredHistory> =>
  getJson('/api/v1/history', { ...address, ...stretch }, signal);

export const fetchHeatMap = (address: QueueAddress, of: { figure: 'wait' | 'run'; type: string | undefined }, stretch: Stretch, signal: AbortSignal): Promise<HeatMap> =>
  getJson('/api/v1/heatmap', { ...address, ...of, ...stretch }, signal);

const PAGE = 200;
const MOST_PAGES = 10;
const NEWS = 20;

/**
 * Events back to `from` (Unix seconds), newest first; at most 2,000. `known` are those of an earlier answer that reached
 * as far back: only what is newer is fetched.
 */
export async function fetchEvents(address: QueueAddress | null, from: number, known: readonly VigieEvent[], signal: AbortSignal): Promise<VigieEvent[]> {
  const events: VigieEvent[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const limit = page === 0 && known.length > 0 ? NEWS : PAGE;
    // oxlint-disable-next-line no-await-in-loop -- the next page is named by the one before
    const answer = await getJson<{ events: VigieEvent[]; next_cursor?: Maybe<string> }>('/api/v1/events', { ...address, limit, cursor }, signal);
    const met = answer.events.findIndex(({ id, at }) => id === known[0]?.id && at === known[0]?.at);
    events.push(...(met < 0 ? answer.events : answer.events.slice(0, met)));
    if (met >= 0) return [...events, ...known].slice(0, PAGE * MOST_PAGES);
    const oldest = answer.events.at(-1);
    if (!answer.next_cursor || !oldest || Date.parse(oldest.at) / 1_000 < from) break;
    cursor = answer.next_cursor;
  }
  return events;
}
