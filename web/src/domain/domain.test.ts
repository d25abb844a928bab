import { i18n } from '@lingui/core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Row } from '../api/contract.ts';
import { activateLocale } from '../i18n/index.ts';
import { age, dataAge, duration } from './duration.ts';
import { axisMoment, followAddressZone, spanText } from './moment.ts';
import { matches, rowOrder } from './order.ts';
import { parsePreferences } from './preferences.ts';
import { bytes, count, failedShare, percent, rate, signedRate, usedShare } from './quantity.ts';
import { queueTopic, showName } from './queue-name.ts';

beforeAll(() => activateLocale('en'));

const names = (sorted: Row[]) => sorted.map(({ queue }) => queue);
const row = (change: Partial<Row>): Row => ({
  source: 'main', kind: 'asynq', queue: 'q', severity: 'ok', paused: false, stale: false, quality: 'exact', ...change,
});

describe('durations', () => {
  it.each([
    [0, '0 s'], [0.00002, '<0.1 ms'], [0.00039, '0.4 ms'], [0.0031, '3.1 ms'], [0.038, '38 ms'], [0.9994, '999 ms'], [0.9996, '1.0 s'], [3.24, '3.2 s'], [9.94, '9.9 s'], [9.96, '10 s'],
    [59.4, '59 s'], [59.6, '1 min'], [252, '4 min 12 s'], [3_599.6, '1 h'], [5_400, '1 h 30 min'], [90_000, '1 d 1 h'], [-98, '−1 min 38 s'],
    [null, '–'], [undefined, '–'], [Number.NaN, '–'],
  ])('%s is %s', (seconds, text) => expect(duration(seconds)).toBe(text));
  it('ages keep their unit below a minute', () => {
    expect([age(0.4), age(9.9), age(12.4), age(null)]).toEqual(['0.4 s', '9.9 s', '12 s', '–']);
    expect([dataAge(420), dataAge(9_990), dataAge(10_400), dataAge(72_000)]).toEqual(['0.4 s', '9.9 s', '10 s', '1 min 12 s']);
  });
  it('speak French', async () => {
    await activateLocale('fr');
    expect(duration(3.24)).toBe('3,2\u00a0s');
    expect(duration(90_000)).toBe('1\u00a0j 1\u00a0h');
    await activateLocale('en');
    expect(i18n.locale).toBe('en');
  });
});

describe('quantities', () => {
  it('never turn the unknown into 0', () => {
    for (const format of [count, rate, percent, signedRate, bytes]) expect([format(null), format(undefined)]).toEqual(['–', '–']);
  });
  it('have no share of nothing: where no attempt ended, none failed either', () => {
    expect([failedShare(0, 0), failedShare(null, 3), failedShare(1, undefined), failedShare(0, 4), failedShare(1, 4), failedShare(5, 4)]).toEqual([null, null, null, 0, 0.25, 1]);
    expect([usedShare({ busy: null, capacity: 4 }), usedShare({ busy: 2 }), usedShare({ busy: 0, capacity: 0 }), usedShare({ busy: 0, capacity: 4 }), usedShare({ busy: 3, capacity: 4 })]).toEqual([null, null, null, 0, 0.75]);
    expect(names([row({ queue: 'untold', capacity: 4 }), row({ queue: 'idle', capacity: 4, busy: 0 })].toSorted(rowOrder('busy', 'asc')))).toEqual(['idle', 'untold']);
  });
  it('are read at a glance', () => {
    expect([count(1_284), count(2_410_000), count(0)]).toEqual(['1,284', '2.41M', '0']);
    expect([rate(0), rate(0.01), rate(38.14), rate(1_221.4)]).toEqual(['0.0', '<0.1', '38.1', '1,221']);
    expect([percent(0), percent(0.008), percent(0.0996), percent(1)]).toEqual(['0 %', '0.8 %', '10 %', '100 %']);
    expect([signedRate(4.12), signedRate(-3), signedRate(0.01)]).toEqual(['+4.1', '−3.0', '0']);
    expect([bytes(0), bytes(184_000), bytes(null)]).toEqual(['0 B', '184 kB', '–']);
  });
});

describe('names', () => {
  it('show what would hide or turn the text around', () => {
    expect(showName('a\nb')).toBe('a⏎b');
    expect(showName('\u202Eabc')).toBe('‹U+202E›abc');
    expect(showName('')).toBe('∅');
    expect(showName('<script>alert(1)</script>')).toBe('<script>alert(1)</script>');
  });
  it('are cut, not the page', () => expect(Array.from(showName('🦊'.repeat(40_000)))).toHaveLength(120));
  it('are escaped in a topic', () => expect(queueTopic('main', 'bullmq', 'a/b%\n')).toBe('queue:main/bullmq/a%2Fb%25%0A'));
});

describe('order', () => {
  const rows = [
    row({ queue: 'calm', waiting: 3 }), row({ queue: 'blind', severity: 'unknown' }), row({ queue: 'grows', severity: 'warning', waiting: 5, drains: false, drain_seconds: -9 }),
    row({ queue: 'stuck', severity: 'critical', waiting: 1 }), row({ queue: 'busy', waiting: 900, drain_seconds: 40, drains: true }),
  ];
  it('puts the worst first', () => expect(names(rows.toSorted(rowOrder('worst', 'desc')))).toEqual(['stuck', 'grows', 'blind', 'busy', 'calm']));
  it('keeps the unknown last in both directions', () => {
    expect(names(rows.toSorted(rowOrder('waiting', 'desc'))).at(-1)).toBe('blind');
    expect(names(rows.toSorted(rowOrder('waiting', 'asc'))).at(-1)).toBe('blind');
  });
  it('takes what never drains for the longest', () => expect(names(rows.toSorted(rowOrder('drain', 'desc')))[0]).toBe('grows'));
  it('does not dance while counts move a little', () => {
    const moved = [row({ queue: 'a', waiting: 20 }), row({ queue: 'b', waiting: 30 })];
    expect(names(moved.toSorted(rowOrder('worst', 'desc')))).toEqual(['a', 'b']);
  });
  it('filters by every word', () => {
    expect(matches(row({ queue: 'emails', kind: 'bullmq' }), 'BULL mail')).toBe(true);
    expect(matches(row({ queue: 'emails', kind: 'bullmq' }), 'asynq')).toBe(false);
  });
});

describe('preferences', () => {
  it('survive whatever the storage holds', () => {
    for (const text of [null, '', '{', 'null', '7', '{"theme":"pink","locale":3}']) {
      expect(parsePreferences(text)).toEqual({ theme: 'system', locale: 'auto', zone: 'local' });
    }
    expect(parsePreferences('{"theme":"dark","zone":"utc"}')).toMatchObject({ theme: 'dark', zone: 'utc' });
  });
});

const at = (text: string) => Date.parse(text) / 1_000;

describe('stretches of time', () => {
  const now = Date.parse('2026-11-25T16:00:00Z');
  it('name the day only where it is not today, the year where it is another', () => {
    followAddressZone('utc');
    expect(spanText(at('2026-11-25T14:02:00Z'), at('2026-11-25T14:20:00Z'), now)).toBe('14:02 – 14:20');
    expect(spanText(at('2026-11-25T14:02:05Z'), at('2026-11-25T14:03:00Z'), now)).toBe('14:02:05 – 14:03:00');
    expect(spanText(at('2026-11-24T23:00:00Z'), at('2026-11-25T01:00:00Z'), now)).toMatch(/^(Nov 24|24 Nov) 23:00 – (Nov 25|25 Nov) 01:00$/);
    expect(spanText(at('2023-11-14T22:00:00Z'), at('2023-11-14T23:00:00Z'), now)).toMatch(/^(Nov 14, 2023|14 Nov 2023) 22:00 – 23:00$/);
    followAddressZone(undefined);
  });
  it('have axes as fine as their steps', () => {
    followAddressZone('utc');
    expect([axisMoment(at('2026-11-25T14:02:05Z'), 5), axisMoment(at('2026-11-25T14:02:00Z'), 60), axisMoment(at('2026-11-25T00:00:00Z'), 3_600), axisMoment(at('2026-11-25T00:00:00Z'), 86_400)]).toEqual(['14:02:05', '14:02', expect.stringContaining('25'), expect.stringContaining('25')]);
    followAddressZone(undefined);
  });
});
