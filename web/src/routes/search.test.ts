import { describe, expect, it } from 'vitest';
import { exploreSearch, parseSearch, queueSearch, shellSearch, stringifySearch } from './search.ts';

describe('the address', () => {
  it('is plain key=value, and lists are repeated', () => {
    expect(parseSearch('?range=1h&q=up&q=a%26b')).toEqual({ range: '1h', q: ['up', 'a&b'] });
    expect(stringifySearch({ q: ['up', 'a&b'], range: '1h', from: undefined, off: null })).toBe('?q=up&q=a%26b&range=1h');
    expect(stringifySearch({})).toBe('');
  });
  it('takes what it knows of range, zoom, comparison and zone', () => {
    expect(shellSearch({ range: '7d', from: '100', to: '200.4', cmp: 'week', tz: 'utc' })).toEqual({ range: '7d', from: 100, to: 200, cmp: 'week', tz: 'utc' });
    expect(shellSearch({ range: '15m' }).range).toBeUndefined();
  });
  it('says that the screen is a wall', () => expect(['1', '60', '9999', '-1', 'x', undefined].map((wall) => shellSearch({ wall }).wall)).toEqual([1, 60, undefined, undefined, undefined, undefined]));
  it.each([{ range: '99y', cmp: 'century', tz: 'mars' }, { from: '200', to: '100' }, { from: 'x', to: '100' }, { from: '100' }, { range: ['1h', '6h'] }])('leaves out what makes no sense: %j', (raw) => {
    expect(Object.values(shellSearch(raw)).every((value) => value === undefined)).toBe(true);
  });
  it('of a queue holds what its heat map shows', () => {
    expect(queueSearch({ heat: 'run', type: 'send' })).toEqual({ name: undefined, heat: 'run', type: 'send' });
    expect(queueSearch({ heat: 'x', name: '' })).toEqual({ name: '', heat: undefined, type: undefined });
  });
  it('of Explore holds one query or several, at most eight', () => {
    expect(exploreSearch({ q: 'up' })).toEqual({ q: ['up'], logql: undefined, off: undefined, at: undefined, view: undefined });
    expect(exploreSearch({ q: ['a', 'b'], logql: 'B<x>', off: 'BXZ', at: 'instant', view: 'table' })).toEqual({ q: ['a', 'b'], logql: 'B', off: 'B', at: 'instant', view: 'table' });
    expect(exploreSearch({ q: Array.from({ length: 20 }, () => 'up') }).q).toHaveLength(8);
    expect(exploreSearch({}).q).toBeUndefined();
  });
});
