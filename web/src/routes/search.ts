import { SORTS, type Direction, type Sort } from '../domain/order.ts';

/** What the address says on every page: the stretch of time, the zone, and whether the wall shows it. */
export interface ShellSearch {
  range?: '5m' | undefined;
  from?: number | undefined;
  to?: number | undefined;
  tz?: 'utc' | 'local' | undefined;
}
export interface QueuesSearch {
  q?: string | undefined;
  sort?: Sort | undefined;
  dir?: Direction | undefined;
  group?: 'source' | undefined;
}
export interface WorkersSearch {
  q?: string | undefined;
}
export interface QueueSearch {
  /** The queue's name when it cannot stand in a path: empty, "." or "..". */
  name?: string | undefined;
}

type Raw = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined);
const second = (value: unknown): number | undefined => {
  const number = Number(value);
  return value !== undefined && Number.isFinite(number) && number > 0 ? Math.round(number) : undefined;
};

export function shellSearch(raw: Raw): ShellSearch {
  const from = second(raw['from']);
  const to = second(raw['to']);
  const zoomed = from !== undefined && to !== undefined && to > from;
  return {
    range: raw['range'] === '5m' ? '5m' : undefined,
    from: zoomed ? from : undefined,
    to: zoomed ? to : undefined,
    tz: raw['tz'] === 'utc' || raw['tz'] === 'local' ? raw['tz'] : undefined,
  };
}

export function queuesSearch(raw: Raw): QueuesSearch {
  return {
    q: text(raw['q']),
    sort: SORTS.find((sort) => sort === raw['sort'] && sort !== 'worst'),
    dir: raw['dir'] === 'asc' || raw['dir'] === 'desc' ? raw['dir'] : undefined,
    group: raw['group'] === 'source' ? 'source' : undefined,
  };
}

export const workersSearch = (raw: Raw): WorkersSearch => ({ q: text(raw['q']) });

export const queueSearch = (raw: Raw): QueueSearch => ({ name: typeof raw['name'] === 'string' ? raw['name'] : undefined });

/** Plain `key=value`, no JSON in the address. */
export function parseSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) if (value !== undefined && value !== null) params.set(key, String(value));
  const query = params.toString();
  return query === '' ? '' : `?${query}`;
}
