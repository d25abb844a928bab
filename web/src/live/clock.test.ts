import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { evenSeconds, Ticker } from './clock.ts';

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

describe('a ticker', () => {
  it('goes with the beat, and by itself when there is none', () => {
    const ticker = new Ticker(1_000, Date.now);
    const seen: number[] = [];
    const stop = ticker.watch(() => seen.push(ticker.value()));
    vi.advanceTimersByTime(2_500);
    expect(seen).toEqual([1_000, 2_000]);
    for (let i = 0; i < 3; i += 1) {
      ticker.beat();
      vi.advanceTimersByTime(1_100);
    }
    expect(seen).toEqual([1_000, 2_000, 2_500, 3_600, 4_700]);
    vi.advanceTimersByTime(1_500);
    expect(seen.slice(5)).toEqual([6_000, 7_000]);
    stop();
    ticker.beat();
    vi.advanceTimersByTime(5_000);
    expect(seen).toHaveLength(7);
  });
});

describe('seconds', () => {
  it('count evenly though the beat does not, and follow the clock when it jumps', () => {
    let now = 10_450;
    const read = evenSeconds(() => now);
    const at = (time: number) => {
      now = time;
      return read();
    };
    expect(read()).toBe(10_000);
    // Rounded each by itself these would be 12, 12 and 14.
    expect([11_520, 12_490, 13_560].map(at)).toEqual([11_000, 12_000, 13_000]);
    expect(at(60_100)).toBe(60_000);
    expect(at(60_100)).toBe(60_000);
    expect(at(20_000)).toBe(20_000);
  });
});
