import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LogAnswer, LogEntry } from '../api/logs.ts';
import { columnsOf, columnsText } from './columns.ts';
import { LineBuffer } from './buffer.ts';
import { entryOf, lineId, lineOf, ndjson, Origins } from './line.ts';
import { patternsOf, shapeOf } from './patterns.ts';
import { faultWords } from './fault.ts';

const entry = (second: number, message: string, change: Partial<LogEntry> = {}): LogEntry => ({
  time: new Date(1_800_000_000_000 + second * 1_000).toISOString(), level: 'info', type: 'job', source: 'api', instance: 'api-1', queue: null, job: null, trace: null, message, fields: {}, ...change,
});
const origins = new Origins();
const line = (second: number, message: string, change: Partial<LogEntry> = {}) => lineOf(entry(second, message, change), origins);
const said = (buffer: LineBuffer) => buffer.lines.map(({ message }) => message);

describe('a line', () => {
  it('goes back to what it came from', () => {
    const whole = entry(0, 'a "b"\n<script>', { fields: { code: 5, deep: { a: [1] } }, queue: 'emails', job: '17', trace: 'ab' });
    expect(entryOf(lineOf(whole, origins))).toEqual(whole);
    expect(ndjson([line(0, 'x'), line(1, 'y\nz')]).trimEnd().split('\n').map((text) => (JSON.parse(text) as LogEntry).message)).toEqual(['x', 'y\nz']);
  });
  it('takes a level that nobody knows for unknown, and shares its origin', () => {
    expect(line(0, 'x', { level: 'banana' }).level).toBe('unknown');
    expect(line(0, 'x').origin).toBe(line(1, 'y').origin);
    expect(lineId(line(0, 'x'))).toBe(lineId(line(0, 'x')));
    expect(lineId(line(0, 'x'))).not.toBe(lineId(line(0, 'y')));
  });
});

describe('the buffer', () => {
  it('takes each line once, late ones in their place', () => {
    const buffer = new LineBuffer();
    expect(buffer.append([line(3, 'c'), line(1, 'a')])).toBe(2);
    expect(buffer.append([line(4, 'd'), line(3, 'c'), line(2, 'b'), line(1, 'a')])).toBe(2);
    expect(said(buffer)).toEqual(['a', 'b', 'c', 'd']);
  });
  it('counts alike lines instead of swallowing them', () => {
    const buffer = new LineBuffer();
    buffer.append([line(1, 'same'), line(1, 'same')]);
    expect(buffer.append([line(1, 'same'), line(1, 'same'), line(1, 'same')])).toBe(1);
    expect(said(buffer)).toEqual(['same', 'same', 'same']);
  });
  it('has an end, and says what it let go', () => {
    const buffer = new LineBuffer(10);
    for (let i = 0; i < 3_000; i += 1) buffer.append([line(i, String(i))]);
    expect(buffer.lines.length).toBeLessThanOrEqual(2_010);
    expect(buffer.lines.length + buffer.dropped).toBe(3_000);
    expect(buffer.lines.at(-1)?.message).toBe('2999');
    expect(new LineBuffer(1).prepend([line(1, 'b'), line(0, 'a')])).toBe(1);
  });
});

describe('patterns', () => {
  it('see through figures, ids, addresses and quotes', () => {
    expect(shapeOf('job 17 took 3.25 s')).toBe(shapeOf('job 4711 took 80 s'));
    expect(shapeOf('user 3f2c1a90-0000-4000-8000-00000000abcd from 10.0.0.1:80 said "hi"')).toBe('user <uuid> from <address> said "…"');
    expect(shapeOf('connect failed')).not.toBe(shapeOf('connect refused'));
  });
  it('are counted, the most frequent first, with the worst level and the latest example', () => {
    const found = patternsOf([line(1, 'job 1 done'), line(2, 'job 2 done', { level: 'error' }), line(0, 'job 3 done'), line(5, 'other')], 10);
    expect(found.map(({ text, count, level }) => [text, count, level])).toEqual([['job # done', 3, 'error'], ['other', 1, 'info']]);
    expect(found[0]?.example.message).toBe('job 2 done');
  });
});

describe('the tail', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { visibilityState: 'visible', addEventListener: () => undefined });
    vi.stubGlobal('window', { location: { origin: 'http://127.0.0.1' }, addEventListener: () => undefined });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('loads, follows and goes back, asking a little behind the newest line', async () => {
    const { LogTail } = await import('./tail.ts');
    const asked: { span: { from?: number | undefined }; cursor: string | undefined }[] = [];
    const answers: LogAnswer[] = [
      { entries: [entry(10, 'b'), entry(9, 'a')], next: 'older' },
      { entries: [entry(11, 'c'), entry(10, 'b'), entry(9, 'a')], next: null },
    ];
    const tail = new LogTail((_, span, { cursor }) => {
      asked.push({ span, cursor });
      if (cursor === 'older') return Promise.resolve({ entries: [entry(1, 'z')], next: null });
      return Promise.resolve(answers.shift() ?? { entries: [], next: null });
    });
    tail.look({ filter: {}, span: { from: 1_799_999_000 }, live: true });
    await vi.advanceTimersByTimeAsync(10);
    expect([tail.state, tail.hasOlder, said(tail.buffer)]).toEqual(['ready', true, ['a', 'b']]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(said(tail.buffer)).toEqual(['a', 'b', 'c']);
    expect(asked[1]?.span.from).toBe(1_800_000_005);
    expect(await tail.older()).toBe(1);
    expect(said(tail.buffer)).toEqual(['z', 'a', 'b', 'c']);
    expect(tail.hasOlder).toBe(false);
    tail.stop();
  });

  it('says what failed, and keeps what it has', async () => {
    const { LogTail } = await import('./tail.ts');
    let n = 0;
    const tail = new LogTail(() => {
      n += 1;
      return n === 2 ? Promise.reject(new Error('q is no regular expression')) : Promise.resolve({ entries: [entry(n, String(n))], next: null });
    });
    tail.look({ filter: { q: '/(/' }, span: {}, live: true });
    await vi.advanceTimersByTimeAsync(1_010);
    expect([tail.state, tail.error, said(tail.buffer)]).toEqual(['ready', 'q is no regular expression', ['1']]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([tail.error, said(tail.buffer)]).toEqual([null, ['1', '3']]);
    tail.stop();
  });

  it('says when more came than it reads', async () => {
    const { LogTail } = await import('./tail.ts');
    let page = 0;
    const tail = new LogTail((_, __, { cursor }) => {
      page += 1;
      return Promise.resolve({ entries: [entry(1_000 - page, `line ${page}`)], next: cursor === undefined && page === 1 ? null : String(page) });
    });
    tail.look({ filter: {}, span: {}, live: true });
    await vi.advanceTimersByTimeAsync(1_050);
    expect(tail.skipped).toBe(true);
    tail.stop();
  });
});

describe('the tail over the stream', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { visibilityState: 'visible' });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('takes what comes instead of asking, each line once, and asks again when the stream ends', async () => {
    const { LogTail } = await import('./tail.ts');
    let asked = 0;
    let stored = [entry(1, 'a')];
    let listener: import('../live/line-feeds.ts').LineListener | null = null;
    const tail = new LogTail(() => {
      asked += 1;
      return Promise.resolve({ entries: stored.toReversed(), next: null });
    }, (filter, given) => {
      expect(filter).toEqual({ level: 'warn' });
      listener = given;
      return () => { listener = null; };
    });
    const say = () => listener ?? { begun: () => undefined, lines: () => undefined, ended: () => undefined };
    tail.look({ filter: { level: 'warn' }, span: {}, live: true });
    say().begun();
    await vi.advanceTimersByTimeAsync(10);
    // What was stored before the stream began was asked for once more.
    expect(asked).toBe(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBe(2);
    stored = [...stored, entry(2, 'b')];
    say().lines([entry(2, 'b'), entry(2, 'b')], 0);
    await vi.advanceTimersByTimeAsync(0);
    expect(said(tail.buffer)).toEqual(['a', 'b', 'b']);
    // What comes soon after waits for its neighbours, and is told once.
    const { version } = tail;
    say().lines([entry(3, 'c')], 40);
    say().lines([entry(3, 'cc')], 0);
    await vi.advanceTimersByTimeAsync(240);
    expect([tail.version, said(tail.buffer)]).toEqual([version, ['a', 'b', 'b']]);
    await vi.advanceTimersByTimeAsync(20);
    expect([tail.version, said(tail.buffer)]).toEqual([version + 1, ['a', 'b', 'b', 'c', 'cc']]);
    expect([tail.skipped, tail.skippedLines]).toEqual([true, 40]);
    // A break: it polls, and what both tell is there once.
    say().lines([entry(4, 'd')], 0);
    stored = [entry(1, 'a'), entry(2, 'b'), entry(2, 'b'), entry(3, 'c'), entry(3, 'cc'), entry(4, 'd')];
    say().ended();
    await vi.advanceTimersByTimeAsync(1_010);
    expect(asked).toBe(4);
    expect(said(tail.buffer)).toEqual(['a', 'b', 'b', 'c', 'cc', 'd']);
    say().begun();
    await vi.advanceTimersByTimeAsync(10);
    say().lines([entry(4, 'd'), entry(5, 'e')], 0);
    await vi.advanceTimersByTimeAsync(250);
    expect(said(tail.buffer)).toEqual(['a', 'b', 'b', 'c', 'cc', 'd', 'e']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBe(5);
    // After many at once the next ones wait twice as long.
    say().lines(Array.from({ length: 30 }, (_, i) => entry(6, `f${i}`)), 0);
    await vi.advanceTimersByTimeAsync(0);
    say().lines([entry(7, 'g')], 0);
    await vi.advanceTimersByTimeAsync(490);
    expect(said(tail.buffer).at(-1)).toBe('f29');
    await vi.advanceTimersByTimeAsync(20);
    expect(said(tail.buffer).at(-1)).toBe('g');
    tail.stop();
    expect(listener).toBeNull();
  });
});

describe('columns', () => {
  it('are those of the address in their own order; nothing there means the usual, and nothing named means none', () => {
    expect(columnsOf(undefined)).toEqual(['time', 'level', 'who']);
    expect(columnsOf('job,time,<script>,queue')).toEqual(['time', 'queue', 'job']);
    expect(columnsOf('')).toEqual([]);
    expect([columnsText(['who', 'time', 'level']), columnsText(['job', 'time']), columnsText([])]).toEqual([undefined, 'time,job', '']);
  });
});

const told = (id: string, values: Record<string, unknown> = {}) => `${id} ${Object.values(values).join(' ')}`;

describe('why lines are not there', () => {
  it('is said in a line, without the drawing that the server makes of a wrong expression', () => {
    expect(faultWords(told, 'q: the regular expression "(" does not parse: regex parse error:\n    (\n    ^\nerror: unclosed group')).toBe('logs.badPattern "(" unclosed group');
    expect(faultWords(told, 'HTTP 503')).toBe('fault.list HTTP 503');
  });
});
