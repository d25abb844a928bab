import { describe, expect, it } from 'vitest';
import type { Rows, Source } from '../api/contract.ts';
import { ServerClock } from './clock.ts';
import { judgeFreshness, LagMeter, type Link } from './freshness.ts';
import { mergePatch } from './merge.ts';
import { SseCutter } from './sse.ts';
import { LiveStore } from './store.ts';

describe('merge patch', () => {
  it('follows the examples of RFC 7396', () => {
    const cases: [target: unknown, patch: unknown, result: unknown][] = [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b' }, { a: null }, {}],
      [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [['a', 'b'], ['c', 'd'], ['c', 'd']],
      [{ a: 'b' }, ['c'], ['c']],
      [{ a: 'foo' }, null, null],
      [{ a: 'foo' }, 'bar', 'bar'],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: 'b', c: null }, { a: 'b' }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ];
    for (const [target, patch, result] of cases) expect(mergePatch(target, patch)).toEqual(result);
  });

  it('keeps the identity of what is not named, and leaves the target alone', () => {
    const before = { rows: { a: { waiting: 1 }, b: { waiting: 2 } } };
    const after = mergePatch(before, { rows: { a: { waiting: 3 } } }) as typeof before;
    expect(after.rows.b).toBe(before.rows.b);
    expect(after.rows.a).toEqual({ waiting: 3 });
    expect(before.rows.a).toEqual({ waiting: 1 });
  });

  it('takes __proto__ for a name like any other', () => {
    const after = mergePatch({ rows: {} }, JSON.parse('{"rows":{"__proto__":{"waiting":1}}}')) as { rows: object };
    expect(Object.keys(after.rows)).toEqual(['__proto__']);
    expect(({} as { waiting?: number }).waiting).toBeUndefined();
  });
});

describe('server-sent events', () => {
  const whole = 'id: b-1\nevent: snapshot\ndata: {"a":\ndata: 1}\n\n: hb\n\nid: b-2\r\nevent: patch\r\ndata: x\r\n\r\n';
  it('are the same however the bytes are cut', () => {
    const expected = [
      { id: 'b-1', event: 'snapshot', data: '{"a":\n1}' },
      { id: 'b-2', event: 'patch', data: 'x' },
    ];
    for (let size = 1; size <= whole.length; size += 1) {
      const cutter = new SseCutter();
      const got = [];
      for (let at = 0; at < whole.length; at += size) got.push(...cutter.push(whole.slice(at, at + size)));
      expect(got).toEqual(expected);
    }
  });
});

const source = (seen: number, change: Partial<Source> = {}): Rows<Source> => ({
  rows: { main: { source: 'main', up: true, seen: new Date(seen).toISOString(), poll_interval_seconds: 1, ...change } as Source },
});
const open: Link = { state: 'open', reason: null, since: 0 };

describe('freshness', () => {
  const t = 1_800_000_000_000;
  it('is fresh within the interval and its grace', () => {
    expect(judgeFreshness(open, source(t - 1_600), t, t)).toMatchObject({ state: 'fresh', age: 1_600 });
  });
  it('notices by itself, without a message, before two seconds have passed', () => {
    expect(judgeFreshness(open, source(t - 1_750), t, t)).toMatchObject({ state: 'stale', source: 'main', age: 1_750, reason: null });
  });
  it('has no sentence for one turn that was missed, but for two', () => {
    expect(judgeFreshness(open, source(t - 1_750), t, t)).toMatchObject({ state: 'stale', isLong: false });
    expect(judgeFreshness(open, source(t - 2_900), t, t)).toMatchObject({ state: 'stale', isLong: true });
    expect(judgeFreshness(open, source(t - 300, { up: false }), t, t).isLong).toBe(true);
  });
  it('does not take a server that bundles its messages for a stale one', () => {
    const lags = new LagMeter();
    for (const lag of [0, 900, 400, 950]) lags.hear(source(t - lag), t);
    expect(judgeFreshness(open, source(t - 2_000), t, t, lags).state).toBe('fresh');
    expect(judgeFreshness(open, source(t - 2_600), t, t, lags).state).toBe('stale');
  });
  it('waits longer for a source that is polled less often', () => {
    expect(judgeFreshness(open, source(t - 4_000, { poll_interval_seconds: 5 }), t, t).state).toBe('fresh');
  });
  it('says at once that a source is down, and why', () => {
    const doc = source(t - 300, { up: false, error: 'Connection refused' });
    expect(judgeFreshness(open, doc, t, t)).toMatchObject({ state: 'stale', reason: 'Connection refused', source: 'main' });
  });
  it('says of how many sources the figures are old, and of which first', () => {
    const all = [source(t - 300), source(t - 60_000, { source: 'late' }), source(t - 300, { source: 'dead', up: false, error: 'no' })];
    const rows = Object.fromEntries(all.flatMap((one) => Object.values(one.rows)).map((one) => [one.source, one]));
    expect(judgeFreshness(open, { rows }, t, t)).toMatchObject({ state: 'stale', source: 'dead', old: 2, sources: 3 });
    expect(judgeFreshness(open, source(t - 300), t, t)).toMatchObject({ state: 'fresh', old: 0, sources: 1 });
  });
  it('tells a broken stream from a silent source', () => {
    const broken: Link = { state: 'broken', reason: 'silence', since: t - 1_500 };
    expect(judgeFreshness(broken, source(t - 2_500), t, t)).toMatchObject({ state: 'lost', age: 2_500 });
  });
  it('is not bothered by a blip of the stream', () => {
    const blip: Link = { state: 'broken', reason: null, since: t - 200 };
    expect(judgeFreshness(blip, source(t - 400), t, t).state).toBe('fresh');
  });
});

describe('server clock', () => {
  it('takes the message that travelled fastest', () => {
    const clock = new ServerClock();
    clock.hear(new Date(10_000).toISOString(), 4_500);
    clock.hear(new Date(11_000).toISOString(), 5_050);
    clock.hear(new Date(12_000).toISOString(), 6_900);
    expect(clock.now(7_000)).toBe(12_950);
  });

  it('forgets what travelled fastest after a minute, and falls back to the next', () => {
    const clock = new ServerClock();
    clock.hear(new Date(10_000).toISOString(), 4_000);
    clock.hear(new Date(20_000).toISOString(), 14_500);
    clock.hear(new Date(30_000).toISOString(), 24_900);
    expect(clock.now(25_000)).toBe(31_000);
    clock.hear(new Date(70_000).toISOString(), 64_950);
    expect(clock.now(65_000)).toBe(70_500);
  });
});

describe('store', () => {
  it('freezes what is shown and catches up', () => {
    const store = new LiveStore();
    store.snapshot('queues', { rows: { a: { waiting: 1 } } });
    let told = 0;
    store.watch('queues', () => (told += 1));
    store.pause(1);
    store.patch('queues', { rows: { a: { waiting: 2 } } });
    expect(store.read('queues')).toEqual({ rows: { a: { waiting: 1 } } });
    expect(store.readCurrent('queues')).toEqual({ rows: { a: { waiting: 2 } } });
    expect(told).toBe(0);
    store.resume();
    expect(store.read('queues')).toEqual({ rows: { a: { waiting: 2 } } });
    expect(told).toBe(1);
  });
  it('drops a patch that has nothing to apply to', () => {
    const store = new LiveStore();
    store.patch('queues', { rows: {} });
    expect(store.read('queues')).toBeUndefined();
  });
});
