import { describe, expect, it } from 'vitest';
import type { Row } from '../../api/contract.ts';
import { steady } from './ids.ts';

const rows = (waiting: Record<string, number>) => Object.fromEntries(Object.entries(waiting).map(([id, n]) => [id, { waiting: n } as Row]));

describe('the order of queues', () => {
  it('is the same list as long as nothing moved', () => {
    let arranged = 0;
    const order = steady((all) => {
      arranged += 1;
      return Object.entries(all).toSorted(([, a], [, b]) => (b.waiting ?? 0) - (a.waiting ?? 0)).map(([id]) => id);
    });
    const first = rows({ a: 1, b: 9 });
    const ids = order(first);
    expect(ids).toEqual(['b', 'a']);
    expect(order(first)).toBe(ids);
    expect(arranged).toBe(1);
    expect(order(rows({ a: 2, b: 9 }))).toBe(ids);
    expect(order(rows({ a: 10, b: 9 }))).toEqual(['a', 'b']);
    expect(order(rows({ a: 10, b: 9, c: 0 }))).toEqual(['a', 'b', 'c']);
    expect(order(rows({ a: 10, b: 9 }))).toEqual(['a', 'b']);
  });
});
