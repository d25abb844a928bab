import type { HeatMap } from '../api/stored.ts';
import type { Span } from '../domain/span.ts';

/** The moments of a range query, Unix seconds: `length` of them, `step` apart. */
export interface Grid {
  start: number;
  step: number;
  length: number;
}

/** A series of an answer. */
export interface Line {
  labels: Record<string, string>;
  /** One value a moment of the grid; NaN is a gap. A vector has one value. */
  values: Float64Array;
  last: number;
  min: number;
  max: number;
  mean: number;
  /** Of native histograms the values are their counts. */
  isHistogram: boolean;
}

/** A log line of an answer. */
export interface Entry {
  /** Unix milliseconds; the nanoseconds of the answer do not fit into a number. */
  at: number;
  labels: Record<string, string>;
  text: string;
}

export interface QueryAnswer {
  type: 'matrix' | 'vector' | 'scalar' | 'string' | 'streams';
  grid: Grid;
  lines: Line[];
  /** Its log lines, newest first; null of an answer that has figures. */
  entries: Entry[] | null;
  /** Its native histograms, all series together; null when it has none, or answers for one moment. */
  heat: HeatMap | null;
  /** What a `string` says. */
  text: string;
  warnings: string[];
  infos: string[];
  /** Samples that the engine read, and how long it took; null when it does not tell. */
  samples: number | null;
  /** Series that the engine read; null when it does not tell (Prometheus does not). */
  touched: number | null;
  evalSeconds: number | null;
  /** Log lines that the engine read; null when it does not tell. */
  linesRead: number | null;
}

const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];

/** The next round step of at least so many seconds. */
export const roundStep = (seconds: number): number => STEPS.find((step) => step >= seconds) ?? Math.ceil(seconds / 604_800) * 604_800;

/** A grid of at most `points` moments within a span; it begins at a multiple of its step, so that a later run meets it. */
export function gridFor(span: Span, points: number): Grid {
  const step = roundStep((span.to - span.from) / Math.max(1, points - 1));
  const start = Math.ceil(span.from / step) * step;
  return { start, step, length: Math.max(1, Math.floor((span.to - start) / step) + 1) };
}

export const endOf = (grid: Grid): number => grid.start + (grid.length - 1) * grid.step;

type Pair = [number, string];
/** `buckets` are [which bounds belong to it, lower, upper, count]; empty ones are left out. */
interface WireHistogram {
  count?: string;
  buckets?: [number, string, string, string][];
}
/** Log lines of the same labels: nanoseconds as text, and the line. */
interface WireStream {
  stream: Record<string, string>;
  values: [string, string][];
}
interface WireSeries {
  metric: Record<string, string>;
  values?: Pair[];
  value?: Pair;
  histograms?: [number, WireHistogram][];
  histogram?: [number, WireHistogram];
}
export interface WireAnswer {
  status: 'success' | 'error';
  error?: string;
  warnings?: string[];
  infos?: string[];
  data?: {
    resultType: QueryAnswer['type'];
    result: WireSeries[] | WireStream[] | Pair;
    stats?: {
      timings?: { evalTotalTime?: number }; samples?: { totalQueryableSamples?: number; seriesTouched?: number };
      /** Of queries for logs. */
      summary?: { execTime?: number; totalLinesProcessed?: number };
    };
  };
}

/** "NaN", "+Inf" and "-Inf" are values too. */
const number = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

function lineOf(series: WireSeries, grid: Grid, values: Float64Array): Line {
  let [min, max, sum, n, last] = [Infinity, -Infinity, 0, 0, Number.NaN];
  const histograms: Pair[] = (series.histograms ?? (series.histogram ? [series.histogram] : [])).map(([time, { count }]) => [time, count ?? 'NaN']);
  for (const [time, text] of [...(series.values ?? (series.value ? [series.value] : [])), ...histograms]) {
    const value = number(text);
    const i = grid.length === 1 ? 0 : Math.round((time - grid.start) / grid.step);
    if (i >= 0 && i < grid.length) values[i] = value;
    last = value;
    if (Number.isNaN(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    n += 1;
  }
  const none = n === 0 ? Number.NaN : undefined;
  return { labels: series.metric, values, last, min: none ?? min, max: none ?? max, mean: none ?? sum / n, isHistogram: histograms.length > 0 };
}

/** Native histograms over time, the same bucket of all series added up. A moment without any is one in which nobody looked. */
function heatOf(all: readonly WireSeries[], grid: Grid): HeatMap | null {
  const samples = grid.length === 1 ? [] : all.flatMap(({ histograms }) => histograms ?? []);
  if (samples.length === 0) return null;
  const found = samples.flatMap(([, { buckets }]) => buckets ?? []);
  // The bucket around zero begins there, unless there are negative ones: nothing else is in it.
  const lowest = found.some(([, , high]) => number(high) <= 0) ? -Infinity : 0;
  const edges = new Set(found.flatMap(([, low, high]) => [Math.max(lowest, number(low)), number(high)]));
  const bounds = [...edges].filter((edge) => Number.isFinite(edge)).toSorted((a, b) => a - b);
  const place = new Map(bounds.map((bound, i) => [bound, i]));
  const counts: HeatMap['counts'] = Array.from({ length: grid.length }, () => null);
  for (const [time, { buckets }] of samples) {
    const at = Math.round((time - grid.start) / grid.step);
    if (at < 0 || at >= grid.length) continue;
    const column = (counts[at] ??= Array.from({ length: bounds.length + 1 }, () => 0));
    for (const [, , high, count] of buckets ?? []) {
      const bucket = place.get(number(high)) ?? bounds.length;
      column[bucket] = (column[bucket] ?? 0) + number(count);
    }
  }
  const start = new Date(grid.start * 1_000).toISOString();
  return { at: start, start, step_seconds: grid.step, bounds, counts };
}

/** The lines of all streams, newest first. Of the same nanosecond they stand as the server gave them. */
function entriesOf(streams: readonly WireStream[]): Entry[] {
  const all = streams.flatMap(({ stream, values }) => values.map(([nanos, text]) => ({ nanos, entry: { at: Number(nanos) / 1e6, labels: stream, text } })));
  // As text of one length they stand in their order to the nanosecond.
  return all.toSorted((a, b) => b.nanos.length - a.nanos.length || (a.nanos < b.nanos ? 1 : a.nanos > b.nanos ? -1 : 0)).map(({ entry }) => entry);
}

/** An answer of Prometheus's or Loki's API: figures as columns on a grid, or log lines. */
export function answerOf(wire: WireAnswer, grid: Grid): QueryAnswer {
  const data = wire.data ?? { resultType: 'vector' as const, result: [] };
  const base = {
    type: data.resultType, grid, text: '', warnings: wire.warnings ?? [], infos: wire.infos ?? [],
    samples: data.stats?.samples?.totalQueryableSamples ?? null, touched: data.stats?.samples?.seriesTouched ?? null,
    evalSeconds: data.stats?.timings?.evalTotalTime ?? data.stats?.summary?.execTime ?? null, linesRead: data.stats?.summary?.totalLinesProcessed ?? null, entries: null,
  };
  if (data.resultType === 'streams') return { ...base, lines: [], heat: null, entries: entriesOf(data.result as WireStream[]) };
  if (data.resultType === 'string') return { ...base, text: String((data.result as Pair)[1]), lines: [], heat: null };
  const series: WireSeries[] = data.resultType === 'scalar' ? [{ metric: {}, value: data.result as Pair }] : (data.result as WireSeries[]);
  // One piece of memory for all: it is handed from the worker to the page at once, not ten thousand times.
  const all = new Float64Array(series.length * grid.length).fill(Number.NaN);
  return { ...base, heat: heatOf(series, grid), lines: series.map((one, i) => lineOf(one, grid, all.subarray(i * grid.length, (i + 1) * grid.length))) };
}

/** The labels that are not the same on all series: they are what tells one from another. */
export function tellingLabels(all: Iterable<Record<string, string>>): Set<string> {
  const seen = new Map<string, string>();
  const telling = new Set<string>();
  let n = 0;
  for (const labels of all) {
    n += 1;
    for (const [name, value] of Object.entries(labels)) {
      const known = seen.get(name);
      if (known === undefined && n === 1) seen.set(name, value);
      else if (known !== value) telling.add(name);
    }
  }
  return telling;
}

/** "name{a="1"}" as one would write it; the labels of `first` before the others. */
export function seriesText(labels: Record<string, string>, first: ReadonlySet<string> = new Set()): string {
  const { __name__: name = '', ...rest } = labels;
  const names = Object.keys(rest).toSorted((a, b) => Number(first.has(b)) - Number(first.has(a)));
  const pairs = names.map((label) => `${label}=${JSON.stringify(rest[label])}`);
  return pairs.length > 0 || name === '' ? `${name}{${pairs.join(', ')}}` : name;
}

/** The places of the lines with the highest peaks, in the order of the answer; all of them when they are few. */
export function highest(lines: readonly Line[], most: number): number[] {
  const all = lines.map((_, i) => i);
  if (lines.length <= most) return all;
  const peak = (i: number) => lines[i]?.max ?? Number.NaN;
  return all.toSorted((a, b) => (Number.isNaN(peak(b)) ? -Infinity : peak(b)) - (Number.isNaN(peak(a)) ? -Infinity : peak(a)) || a - b).slice(0, most).toSorted((a, b) => a - b);
}

const show = (value: number | undefined): number | null => (value === undefined || !Number.isFinite(value) ? null : value);

/**
 * A line at the moments of another grid, as uPlot wants it: null is a gap, undefined is a moment that the line's own
 * coarser grid does not have.
 */
export function onGrid(line: Line, own: Grid, base: Grid): (number | null | undefined)[] {
  if (own.start === base.start && own.step === base.step) return Array.from(line.values, (value) => show(value));
  const out: (number | null | undefined)[] = Array.from({ length: base.length }, () => undefined);
  line.values.forEach((value, i) => {
    const at = (own.start + i * own.step - base.start) / base.step;
    if (Number.isInteger(at) && at >= 0 && at < base.length) out[at] = show(value);
  });
  return out;
}
