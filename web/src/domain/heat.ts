import type { HeatMap } from '../api/stored.ts';

/** A bucket of durations in seconds; `high` is null for the one without an end. */
interface HeatRow {
  low: number;
  high: number | null;
}

/** Attempts by moment and duration, with no more rows than an eye can tell apart. */
export interface HeatGrid {
  /** Where each column begins, Unix seconds. */
  times: number[];
  step: number;
  /** Shortest first. */
  rows: HeatRow[];
  /** By column, then by row; null is a column in which nobody looked. */
  columns: (number[] | null)[];
  peak: number;
  total: number;
}

const MOST_ROWS = 20;
export const LEVELS = 6;

/** First and last bucket that anything fell into. */
function filled(counts: HeatMap['counts'], buckets: number): [number, number] | null {
  let [first, last] = [buckets, -1];
  for (const column of counts) {
    column?.forEach((n, bucket) => {
      if (n <= 0) return;
      first = Math.min(first, bucket);
      last = Math.max(last, bucket);
    });
  }
  return last < 0 ? null : [first, last];
}

/** Cuts the empty buckets off at both ends, and joins neighbours until there are at most `most` rows. */
export function heatGrid(map: HeatMap, most = MOST_ROWS): HeatGrid {
  const start = Date.parse(map.start) / 1_000;
  const times = map.counts.map((_, i) => start + i * map.step_seconds);
  const buckets = map.bounds.length + 1;
  const [first, last] = filled(map.counts, buckets) ?? [0, -1];
  const size = Math.max(1, Math.ceil((last - first + 1) / most));
  const rows: HeatRow[] = [];
  for (let bucket = first; bucket <= last; bucket += size) {
    const end = Math.min(bucket + size - 1, last);
    // Below the first bound of durations lies 0; of other figures nothing says what.
    rows.push({ low: bucket === 0 ? Math.min(0, map.bounds[0] ?? 0) : (map.bounds[bucket - 1] ?? 0), high: map.bounds[end] ?? null });
  }
  let [peak, total] = [0, 0];
  const columns = map.counts.map((column) => {
    if (!column) return null;
    const joined = rows.map((_, row) => {
      let sum = 0;
      for (let i = 0; i < size && first + row * size + i <= last; i += 1) sum += column[first + row * size + i] ?? 0;
      peak = Math.max(peak, sum);
      total += sum;
      return sum;
    });
    return joined;
  });
  return { times, step: map.step_seconds, rows, columns, peak, total };
}

/** How dark a cell is: 0 for none, 1 to 6 by the logarithm, so that one slow attempt among thousands is seen. */
export function heatLevel(n: number, peak: number): number {
  if (n <= 0 || peak <= 0) return 0;
  return Math.max(1, Math.min(LEVELS, Math.ceil((LEVELS * Math.log1p(n)) / Math.log1p(peak) - 1e-9)));
}

/** The most attempts that a cell of each level holds; levels that cannot occur are left out. */
export function levelTops(peak: number): { level: number; top: number }[] {
  const tops = Array.from({ length: LEVELS }, (_, i) => ({ level: i + 1, top: i + 1 === LEVELS ? peak : Math.floor(Math.expm1(((i + 1) / LEVELS) * Math.log1p(peak)) + 1e-9) }));
  return tops.filter(({ top }, i) => top >= 1 && top > (tops[i - 1]?.top ?? 0));
}

interface HeatSummary {
  row: HeatRow;
  total: number;
  share: number;
  /** The column with the most, Unix seconds; null when there is none. */
  peakAt: number | null;
  peak: number;
}

/** The map as a table: each row with its sum and its worst moment, longest durations first. */
export function heatSummary(grid: HeatGrid): HeatSummary[] {
  return grid.rows.map((row, r) => {
    let [total, peak] = [0, 0];
    let peakAt: number | null = null;
    grid.columns.forEach((column, c) => {
      const n = column?.[r] ?? 0;
      total += n;
      if (n > peak) [peak, peakAt] = [n, grid.times[c] ?? null];
    });
    return { row, total, share: grid.total > 0 ? total / grid.total : 0, peakAt, peak };
  }).toReversed();
}
