import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveStore } from './store.ts';

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

const opened = () => {
  const store = new LiveStore();
  const seen: unknown[] = [];
  store.snapshot('queues', { n: 0 });
  store.watch('queues', () => seen.push(store.read<{ n: number }>('queues')?.n));
  return { store, seen };
};

describe('the pace of what is shown', () => {
  it('is that of the messages as long as they are short', () => {
    const { store, seen } = opened();
    for (let n = 1; n <= 3; n += 1) {
      store.patch('queues', { n }, 500);
      vi.advanceTimersByTime(100);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it('is once a second where they are long, and nothing is missed', () => {
    const { store, seen } = opened();
    store.patch('queues', { n: 1 }, 25_000);
    for (let n = 2; n <= 4; n += 1) {
      vi.advanceTimersByTime(250);
      store.patch('queues', { n }, 5_000);
    }
    expect(seen).toEqual([1]);
    expect(store.readCurrent('queues')).toEqual({ n: 4 });
    vi.advanceTimersByTime(250);
    expect(seen).toEqual([1, 4]);
    vi.advanceTimersByTime(5_000);
    expect(seen).toEqual([1, 4]);
    store.patch('queues', { n: 5 }, 500);
    expect(seen).toEqual([1, 4, 5]);
  });
});
