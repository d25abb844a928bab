import type { Grid, Line } from '../../explore/matrix.ts';
import { LEVELS } from '../../domain/heat.ts';

/** A stretch of time in which a worker was loaded alike. */
export interface LoadCell {
  /** The first step that belongs to it, and how many do. */
  first: number;
  steps: number;
  /** 0 at rest, 1 to 6 by the share of its slots in use. */
  level: number;
  /** Slots in use, the mean over its steps. */
  busy: number;
}

export interface LoadRow {
  worker: string;
  source: string;
  kind: string;
  /** Its slots; null where the broker does not tell them: then the levels are against its own highest. */
  capacity: number | null;
  cells: LoadCell[];
}

const keyOf = ({ labels }: Line): string => `${labels['source']}\n${labels['kind']}\n${labels['worker']}`;

/** The highest figure of a line; null where it has none. */
const highest = (values: Float64Array): number | null => values.reduce<number | null>((top, value) => (Number.isNaN(value) ? top : Math.max(top ?? value, value)), null);

function cellsOf(values: Float64Array, full: number): LoadCell[] {
  const cells: LoadCell[] = [];
  values.forEach((busy, at) => {
    if (Number.isNaN(busy)) return;
    const level = busy <= 0 || full <= 0 ? 0 : Math.min(LEVELS, Math.ceil((busy / full) * LEVELS - 1e-9));
    const last = cells.at(-1);
    if (last && last.level === level && last.first + last.steps === at) {
      last.busy = (last.busy * last.steps + busy) / (last.steps + 1);
      last.steps += 1;
    } else {
      cells.push({ first: at, steps: 1, level, busy });
    }
  });
  return cells;
}

const levels = ({ cells }: LoadRow): number => cells.reduce((sum, { level, steps }) => sum + level * steps, 0);

/** The load of each worker, the busiest first; a step without a figure has no cell. */
export function loadRows(busy: readonly Line[], capacity: readonly Line[]): LoadRow[] {
  const slots = new Map(capacity.map((line) => [keyOf(line), highest(line.values)]));
  const rows = busy.flatMap((line): LoadRow[] => {
    const { worker, source, kind } = line.labels;
    const top = highest(line.values);
    if (top === null || worker === undefined || source === undefined || kind === undefined) return [];
    const own = slots.get(keyOf(line)) ?? null;
    return [{ worker, source, kind, capacity: own, cells: cellsOf(line.values, own ?? top) }];
  });
  return rows.toSorted((a, b) => levels(b) - levels(a) || (a.worker < b.worker ? -1 : 1));
}

/** When a cell begins and ends, Unix seconds: a figure stands for the step before it. */
export const cellSpan = (grid: Grid, cell: LoadCell): [from: number, to: number] => [grid.start + (cell.first - 1) * grid.step, grid.start + (cell.first + cell.steps - 1) * grid.step];

/** The name of a worker in its series is its id, which begins with source and kind. */
export function workerLabel({ worker, source, kind }: Pick<LoadRow, 'worker' | 'source' | 'kind'>): string {
  const prefix = `${source}/${kind}/`;
  return worker.startsWith(prefix) ? worker.slice(prefix.length) : worker;
}
