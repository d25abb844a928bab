import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Look } from '../domain/span.ts';
import { chartView } from './view.ts';

describe('the view of all charts', () => {
  let asked: Look[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    chartView.choose({ range: '15m', span: null });
    chartView.set({ range: '1h', span: null }, null);
    // As the page does it: the address is asked, and tells the charts.
    chartView.answerWith((look) => {
      asked.push(look);
      chartView.set(look, chartView.comparison);
    });
  });
  afterEach(() => vi.useRealTimers());

  it('takes a brush once, though each chart under the cursor tells of it', () => {
    for (const to of [200, 201, 199]) chartView.brush({ from: 100, to });
    expect(asked).toEqual([{ range: '1h', span: { from: 100, to: 200 } }]);
    vi.runAllTimers();
    chartView.brush({ from: 120, to: 180 });
    vi.runAllTimers();
    chartView.back();
    expect(asked.at(-1)).toEqual({ range: '1h', span: { from: 100, to: 200 } });
    chartView.back();
    expect(asked.at(-1)).toEqual({ range: '1h', span: null });
    chartView.back();
    expect(asked).toHaveLength(4);
  });
  it('tells its charts of a change, and of nothing else', () => {
    let told = 0;
    const unhook = chartView.watch(() => { told += 1; });
    chartView.set({ range: '1h', span: null }, null);
    expect(told).toBe(0);
    chartView.set({ range: '1h', span: null }, 'day');
    chartView.set({ range: '6h', span: null }, 'day');
    expect(told).toBe(2);
    unhook();
    chartView.set({ range: '1h', span: null }, null);
    expect(told).toBe(2);
  });
});
