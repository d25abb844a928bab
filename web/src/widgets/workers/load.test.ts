import { describe, expect, it } from 'vitest';
import type { Line } from '../../explore/matrix.ts';
import { cellSpan, loadRows, workerLabel } from './load.ts';

const NONE = Number.NaN;
const line = (worker: string, values: number[], kind = 'asynq'): Line => ({
  labels: { source: 'main', kind, worker }, values: Float64Array.from(values), last: 0, min: 0, max: 0, mean: 0, isHistogram: false,
});

describe('the load of workers over time', () => {
  it('is against the slots of each, the busiest first', () => {
    const rows = loadRows([line('idle', [0, 0, 0]), line('half', [5, 5, 6]), line('full', [2, 2, 2])], [line('idle', [4, 4, 4]), line('half', [10, 10, 10]), line('full', [2, 2, 2])]);
    expect(rows.map(({ worker, capacity }) => [worker, capacity])).toEqual([['full', 2], ['half', 10], ['idle', 4]]);
    expect(rows.map(({ cells }) => cells.map(({ level, steps }) => [level, steps]))).toEqual([[[6, 3]], [[3, 2], [4, 1]], [[0, 3]]]);
  });
  it('has no cell where there is no figure: nobody looked, or the worker was not there', () => {
    const [row] = loadRows([line('w', [NONE, 1, NONE, 1, 1])], [line('w', [NONE, 4, NONE, 4, 4])]);
    expect(row?.cells.map(({ first, steps }) => [first, steps])).toEqual([[1, 1], [3, 2]]);
    expect(loadRows([line('w', [NONE, NONE])], [])).toEqual([]);
  });
  it('is against its own highest where the broker tells no slots', () => {
    const [row] = loadRows([line('w', [0, 3, 6], 'bull')], []);
    expect([row?.capacity, row?.cells.map(({ level }) => level)]).toEqual([null, [0, 3, 6]]);
  });
  it('says what was, and when', () => {
    const [row] = loadRows([line('w', [1, 2])], [line('w', [60, 60])]);
    expect(row?.cells).toEqual([{ first: 0, steps: 2, level: 1, busy: 1.5 }]);
    expect(cellSpan({ start: 1_000, step: 10, length: 2 }, row?.cells[0] ?? { first: 9, steps: 9, level: 0, busy: 0 })).toEqual([990, 1_010]);
    expect([workerLabel({ worker: 'main/asynq/host:1:ab', source: 'main', kind: 'asynq' }), workerLabel({ worker: 'odd', source: 'main', kind: 'bull' })]).toEqual(['host:1:ab', 'odd']);
  });
});
