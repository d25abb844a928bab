import { describe, expect, it } from 'vitest';
import { heatGrid, heatLevel, heatSummary, levelTops } from './heat.ts';

const map = (bounds: number[], counts: (number[] | null)[]) => ({ at: '', start: '2026-11-25T14:00:00Z', step_seconds: 10, bounds, counts });

describe('heat map', () => {
  it('cuts empty buckets off, keeps gaps apart from nothing', () => {
    const grid = heatGrid(map([0.1, 0.2, 0.4, 0.8], [[0, 3, 1, 0, 0], null, [0, 0, 0, 0, 0]]));
    expect(grid.rows).toEqual([{ low: 0.1, high: 0.2 }, { low: 0.2, high: 0.4 }]);
    expect(grid.columns).toEqual([[3, 1], null, [0, 0]]);
    expect([grid.peak, grid.total, grid.step]).toEqual([3, 4, 10]);
    expect(grid.times[1]).toBe(Date.UTC(2026, 10, 25, 14, 0, 10) / 1_000);
  });
  it('joins neighbours until they fit, and loses no attempt', () => {
    const bounds = Array.from({ length: 49 }, (_, i) => 2 ** (i / 4));
    const counts = [Array.from({ length: 50 }, (_, i) => i + 1), Array.from({ length: 50 }, () => 1)];
    const grid = heatGrid(map(bounds, counts), 20);
    expect(grid.rows).toHaveLength(17);
    expect(grid.total).toBe(50 * 51 / 2 + 50);
    expect(grid.columns[0]?.[0]).toBe(1 + 2 + 3);
    expect(grid.rows[0]).toEqual({ low: 0, high: bounds[2] });
    expect(grid.rows.at(-1)).toEqual({ low: bounds[47], high: null });
    grid.rows.slice(1).forEach((row, i) => expect(row.low).toBe(grid.rows[i]?.high));
  });
  it('has no rows when nothing was seen', () => {
    expect(heatGrid(map([1], [[0, 0], null]))).toMatchObject({ rows: [], peak: 0, total: 0 });
    expect(heatGrid(map([1], []))).toMatchObject({ rows: [], times: [] });
  });
  it('shows a single attempt, and the most as the darkest', () => {
    expect([0, 1, 5_000, 10_000].map((n) => heatLevel(n, 10_000))).toEqual([0, 1, 6, 6]);
    expect(heatLevel(1, 1)).toBe(6);
  });
  it.each([1, 2, 7, 350, 98_765])('names the scale up to %s so that each count lies under its own top', (peak) => {
    const tops = levelTops(peak);
    expect(tops.at(-1)).toEqual({ level: 6, top: peak });
    for (const n of [1, Math.ceil(peak / 3), peak]) {
      const level = heatLevel(n, peak);
      expect(tops.find(({ top }) => top >= n)?.level).toBe(level);
    }
  });
  it('becomes a table, longest first, with the worst moment of each row', () => {
    const grid = heatGrid(map([1, 2], [[1, 0, 0], [5, 2, 0], null]));
    expect(heatSummary(grid)).toEqual([
      { row: { low: 1, high: 2 }, total: 2, share: 0.25, peak: 2, peakAt: grid.times[1] },
      { row: { low: 0, high: 1 }, total: 6, share: 0.75, peak: 5, peakAt: grid.times[1] },
    ]);
  });
});
