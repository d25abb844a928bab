/** What the store answers: history of any length, heat maps, events, and what PromQL knows. */
import { getJson, type QueueAddress } from './client.ts';
import type { Column, History, Instant, Maybe, VigieEvent } from './contract.ts';

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

interface Stretch {
  from: number;
  to: number;
  points: number;
}

export const fetchStretch = (address: QueueAddress | null, stretch: Stretch, signal: AbortSignal): Promise<StoredHistory> =>
  getJson('/api/v1/history', { ...address, ...stretch }, signal);

export const fetchHeatMap = (address: QueueAddress, of: { figure: 'wait' | 'run'; type: string | undefined }, stretch: Stretch, signal: AbortSignal): Promise<HeatMap> =>
  getJson('/api/v1/heatmap', { ...address, ...of, ...stretch }, signal);

const PAGE = 200;
const MOST_PAGES = 10;

/**
 * Events back to `from` (Unix seconds), newest first; at most 2,000. Of a queue: what is about it or about no queue, such
 * as a deploy.
 */
export async function fetchEvents(address: QueueAddress | null, from: number, signal: AbortSignal): Promise<VigieEvent[]> {
  const events: VigieEvent[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    // oxlint-disable-next-line no-await-in-loop -- the next page is named by the one before
    const answer = await getJson<{ events: VigieEvent[]; next?: Maybe<string> }>('/api/v1/events', { ...address, general: address ? 'true' : undefined, limit: PAGE, cursor }, signal);
    events.push(...answer.events);
    const oldest = answer.events.at(-1);
    if (!answer.next || !oldest || Date.parse(oldest.time) / 1_000 < from) break;
    cursor = answer.next;
  }
  return events;
}
