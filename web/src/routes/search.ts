import { LEVELS, type Level } from '../api/logs.ts';
import { INSTANCE_SORTS, INSTANCE_STATUSES, type InstanceSort } from '../domain/instance-look.ts';
import { SORTS, type Direction, type Sort } from '../domain/order.ts';
import { COMPARISONS, DEFAULT_PRESET, PRESETS, type Comparison, type Preset } from '../domain/span.ts';

/** What the address says on every page: the stretch of time, what it is compared with, and the zone. */
interface ShellSearch {
  range?: Preset | undefined;
  from?: number | undefined;
  to?: number | undefined;
  cmp?: Comparison | undefined;
  tz?: 'utc' | 'local' | undefined;
  /** The screen hangs on a wall: 1, or how many seconds a page stays. */
  wall?: number | undefined;
}
interface QueuesSearch {
  q?: string | undefined;
  sort?: Sort | undefined;
  dir?: Direction | undefined;
  group?: 'source' | undefined;
}
interface WorkersSearch {
  q?: string | undefined;
}
interface InstancesSearch {
  q?: string | undefined;
  status?: (typeof INSTANCE_STATUSES)[number] | undefined;
  role?: string | undefined;
  /** The worst first when left out. */
  sort?: InstanceSort | undefined;
  dir?: Direction | undefined;
}
interface QueueSearch {
  /** The queue's name when it cannot stand in a path: empty, "." or "..". */
  name?: string | undefined;
  /** What the heat map shows: wait when left out. */
  heat?: 'run' | undefined;
  /** The job type that the heat map is of; all when left out. */
  type?: string | undefined;
}
interface ExploreSearch {
  /** The queries, A first. */
  q?: string[] | undefined;
  /** The letters of those that are LogQL; the others are PromQL. */
  logql?: string | undefined;
  /** The letters of those that are switched off. */
  off?: string | undefined;
  /** At one moment only, the end of the range. */
  at?: 'instant' | undefined;
  view?: 'table' | undefined;
}

interface LogsSearch {
  /** Text or `/regex/`. */
  q?: string | undefined;
  /** At least this level. */
  level?: Level | undefined;
  type?: string | undefined;
  source?: string | undefined;
  instance?: string | undefined;
  queue?: string | undefined;
  job?: string | undefined;
  trace?: string | undefined;
  view?: 'patterns' | undefined;
  /** The line that is open, by its short name. */
  line?: string | undefined;
  /** What stands before each message, with commas between; the usual when left out. */
  cols?: string | undefined;
  wrap?: '1' | undefined;
}
interface EventsSearch {
  q?: string | undefined;
  type?: string | undefined;
  loud?: 'warning' | 'critical' | undefined;
}

type Raw = Record<string, unknown>;
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value.slice(0, 500) : undefined);
const second = (value: unknown): number | undefined => {
  const number = Number(value);
  return value !== undefined && Number.isFinite(number) && number > 0 ? Math.round(number) : undefined;
};

/** 1 is the usual pace; a pace of its own has at least two seconds, and at most an hour. */
const wallSeconds = (value: unknown): number | undefined => {
  const seconds = second(value);
  return seconds !== undefined && seconds <= 3_600 ? seconds : undefined;
};

export function shellSearch(raw: Raw): ShellSearch {
  const from = second(raw['from']);
  const to = second(raw['to']);
  const zoomed = from !== undefined && to !== undefined && to > from;
  return {
    range: PRESETS.find((preset) => preset === raw['range'] && preset !== DEFAULT_PRESET),
    from: zoomed ? from : undefined,
    to: zoomed ? to : undefined,
    cmp: COMPARISONS.find((comparison) => comparison === raw['cmp']),
    wall: wallSeconds(raw['wall']),
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

export const logsSearch = (raw: Raw): LogsSearch => ({
  q: text(raw['q']),
  level: LEVELS.find((level) => level === raw['level']),
  type: text(raw['type']), source: text(raw['source']), instance: text(raw['instance']), queue: text(raw['queue']), job: text(raw['job']), trace: text(raw['trace']),
  view: raw['view'] === 'patterns' ? 'patterns' : undefined,
  line: text(raw['line'])?.slice(0, 40),
  cols: typeof raw['cols'] === 'string' ? raw['cols'].slice(0, 100) : undefined,
  wrap: raw['wrap'] === '1' ? '1' : undefined,
});

export const eventsSearch = (raw: Raw): EventsSearch => ({
  q: text(raw['q']),
  type: text(raw['type']),
  loud: raw['loud'] === 'warning' || raw['loud'] === 'critical' ? raw['loud'] : undefined,
});

export const workersSearch = (raw: Raw): WorkersSearch => ({ q: text(raw['q']) });

export const instancesSearch = (raw: Raw): InstancesSearch => ({
  q: text(raw['q']),
  status: INSTANCE_STATUSES.find((status) => status === raw['status']),
  role: text(raw['role']),
  sort: INSTANCE_SORTS.find((sort) => sort === raw['sort'] && sort !== 'worst'),
  dir: raw['dir'] === 'asc' || raw['dir'] === 'desc' ? raw['dir'] : undefined,
});

export const queueSearch = (raw: Raw): QueueSearch => ({
  name: typeof raw['name'] === 'string' ? raw['name'] : undefined,
  heat: raw['heat'] === 'run' ? 'run' : undefined,
  type: text(raw['type']),
});

/** As many as there are letters and colours for. */
const MOST_QUERIES = 8;
const LONGEST_QUERY = 8_000;

const letters = (value: unknown): string | undefined => text(value)?.replaceAll(/[^A-H]/g, '') || undefined;

export function exploreSearch(raw: Raw): ExploreSearch {
  const given = Array.isArray(raw['q']) ? raw['q'] : [raw['q']];
  const queries = given.filter((query): query is string => typeof query === 'string').slice(0, MOST_QUERIES).map((query) => query.slice(0, LONGEST_QUERY));
  return {
    q: queries.length > 0 ? queries : undefined,
    logql: letters(raw['logql']),
    off: letters(raw['off']),
    at: raw['at'] === 'instant' ? 'instant' : undefined,
    view: raw['view'] === 'table' ? 'table' : undefined,
  };
}

/** Plain `key=value`, no JSON in the address; a key that stands several times is a list. */
export function parseSearch(search: string): Record<string, string | string[]> {
  const params = new URLSearchParams(search);
  return Object.fromEntries([...new Set(params.keys())].map((key) => {
    const values = params.getAll(key);
    return [key, values.length > 1 ? values : (values[0] ?? '')];
  }));
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) params.append(key, String(one));
  }
  const query = params.toString();
  return query === '' ? '' : `?${query}`;
}
