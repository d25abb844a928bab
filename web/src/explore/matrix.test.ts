import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, boundedText, TooLarge } from './asking.ts';
import { answerOf, endOf, gridFor, highest, onGrid, seriesText, tellingLabels, type Line } from './matrix.ts';
import { parseRecent, withRecent, type Query } from './recent.ts';

const line = (values: number[], max = Math.max(...values)): Line => ({ labels: {}, values: Float64Array.from(values), last: 0, min: 0, max, mean: 0, isHistogram: false });

const endless = () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1_000)) }));

/** A native histogram at a moment. */
const at = (time: number, buckets: [number, string, string, string][]): [number, { count: string; buckets: [number, string, string, string][] }] => [time, { count: '1', buckets }];

describe('the grid', () => {
  it.each([[300, 1], [3_600, 10], [86_400, 300], [2_592_000, 7_200]])('of %s seconds has a round step of %s', (seconds, step) => {
    const span = { from: 1_795_615_261 - seconds, to: 1_795_615_261 };
    const grid = gridFor(span, 480);
    expect(grid.step).toBe(step);
    expect(grid.start % step).toBe(0);
    expect(grid.start).toBeGreaterThanOrEqual(span.from);
    expect(endOf(grid)).toBeLessThanOrEqual(span.to);
    expect(grid.length).toBeLessThanOrEqual(480);
  });
});

describe('an answer', () => {
  const grid = { start: 100, step: 10, length: 4 };
  it('is laid on the grid, gaps stay gaps', () => {
    const answer = answerOf({ status: 'success', warnings: ['w'], data: { resultType: 'matrix', result: [{ metric: { a: '1' }, values: [[100, '1'], [120, '+Inf'], [130, '-2']] }], stats: { timings: { evalTotalTime: 0.002 }, samples: { totalQueryableSamples: 12, seriesTouched: 3 } } } }, grid);
    const [first] = answer.lines;
    expect([...(first?.values ?? [])]).toEqual([1, Number.NaN, Infinity, -2]);
    expect(first).toMatchObject({ last: -2, min: -2, max: Infinity });
    expect(answer).toMatchObject({ samples: 12, touched: 3, evalSeconds: 0.002, warnings: ['w'] });
    expect(onGrid(first ?? line([]), grid, grid)).toEqual([1, null, null, -2]);
  });
  it('of one moment, of a number, of a text', () => {
    const one = { start: 100, step: 1, length: 1 };
    expect(answerOf({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [100.3, 'NaN'] }] } }, one).lines[0]).toMatchObject({ last: Number.NaN, min: Number.NaN });
    expect(answerOf({ status: 'success', data: { resultType: 'scalar', result: [100, '42'] } }, one).lines[0]?.last).toBe(42);
    expect(answerOf({ status: 'success', data: { resultType: 'string', result: [100, 'hi'] } }, one)).toMatchObject({ text: 'hi', lines: [] });
  });
  it('of native histograms has their buckets, of all series together, with what lies between them', () => {
    const { heat } = answerOf({ status: 'success', data: { resultType: 'matrix', result: [
      { metric: { a: '1' }, histograms: [at(100, [[0, '1', '2', '3'], [0, '8', '16', '1.5']])] },
      { metric: { a: '2' }, histograms: [at(100, [[0, '1', '2', '4']]), at(120, [[0, '16', '+Inf', '2']])] },
    ] } }, grid);
    expect(heat?.bounds).toEqual([1, 2, 8, 16]);
    expect(heat?.counts.slice(0, 3)).toEqual([[0, 7, 0, 1.5, 0], null, [0, 0, 0, 0, 2]]);
    expect(answerOf({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [100, '1'] }] } }, grid).heat).toBeNull();
    const around = (...more: [number, string, string, string][]) => answerOf({ status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, histograms: [at(100, [[3, '-1e-6', '1e-6', '1'], ...more])] }] } }, grid).heat?.bounds;
    expect(around()).toEqual([0, 1e-6]);
    expect(around([1, '-2', '-1', '1'])).toEqual([-2, -1, -1e-6, 1e-6]);
  });
  it('of native histograms counts them', () => {
    const answer = answerOf({ status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, histograms: [[110, { count: '7' }]] }] } }, grid);
    expect(answer.lines[0]).toMatchObject({ isHistogram: true, last: 7 });
  });
  it('with a longer step is drawn through the moments it does not have', () => {
    const own = { start: 100, step: 20, length: 2 };
    expect(onGrid(line([1, Number.NaN]), own, grid)).toEqual([1, undefined, null, undefined]);
  });
});

describe('too many series', () => {
  it('leave the highest, in their order', () => {
    const lines = [3, Number.NaN, 9, 1, 5].map((max) => line([], max));
    expect(highest(lines, 3)).toEqual([0, 2, 4]);
    expect(highest(lines, 9)).toHaveLength(5);
  });
  it('are given up before they fill the memory', async () => {
    await expect(boundedText(endless(), 10_000)).rejects.toBeInstanceOf(TooLarge);
    await expect(boundedText(new Response('{"a":"é"}'), 10_000)).resolves.toMatchObject({ text: '{"a":"é"}' });
  });
});

/** A server of 100 series; `counted` is what it says to a count of them up to `until`, `left` afterwards. */
const server = (counted: string | null = null, until = Infinity, left: string | null = null) => {
  const steps: number[] = [];
  vi.stubGlobal('fetch', (path: string, { body }: { body: URLSearchParams }) => {
    if (path === '/api/v1/query') {
      const said = Number(body.get('time')) <= until ? counted : left;
      const count = { resultType: 'vector', result: body.get('query')?.startsWith('count(') && said !== null ? [{ metric: {}, value: [0, said] }] : [] };
      return Promise.resolve(new Response(JSON.stringify({ status: 'success', data: count })));
    }
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(body.get(name)));
    steps.push(step ?? 0);
    const values = Array.from({ length: Math.floor(((end ?? 0) - (start ?? 0)) / (step ?? 1)) + 1 }, (_, i) => [(start ?? 0) + i * (step ?? 1), '1']);
    return Promise.resolve(new Response(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: Array.from({ length: 100 }, (_, i) => ({ metric: { i: String(i) }, values })) } })));
  });
  return steps;
};

describe('a question', () => {
  afterEach(() => vi.unstubAllGlobals());
  const question = { query: 'wide', kind: 'range', span: { from: 1_800_000_000, to: 1_800_003_600 }, points: 480 } as const;
  it('is asked again with a longer step when the answer is too large, and not in vain the next time', async () => {
    const steps = server();
    const first = await ask(question, new AbortController().signal, 300_000);
    expect([first.isCoarse, first.answer.lines.length, steps]).toEqual([true, 100, [10, 60]]);
    expect(first.bytes).toBeLessThanOrEqual(300_000);
    const second = await ask(question, new AbortController().signal, 300_000);
    expect(second.isCoarse).toBe(true);
    expect(steps).toHaveLength(3);
  });
  it('is asked at once with a step that fits, where its series can be counted', async () => {
    const steps = server('100');
    const { isCoarse, bytes } = await ask({ ...question, query: 'counted # {' }, new AbortController().signal, 300_000);
    expect([isCoarse, steps]).toEqual([true, [60]]);
    expect(bytes).toBeLessThanOrEqual(300_000);
    const ended = server('100', question.span.to - 60);
    expect((await ask({ ...question, query: 'ended' }, new AbortController().signal, 300_000)).isCoarse).toBe(true);
    expect(ended).toEqual([60]);
    const most = server('100', question.span.to - 60, '3');
    expect((await ask({ ...question, query: 'mostly ended' }, new AbortController().signal, 300_000)).isCoarse).toBe(true);
    expect(most).toEqual([60]);
    const few = server('3');
    expect((await ask({ ...question, query: 'few' }, new AbortController().signal, 3_000_000)).isCoarse).toBe(false);
    expect(few).toEqual([10]);
  });
  it('says what the server says', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"status":"error","error":"1:2: parse error: no"}', { status: 400 })));
    await expect(ask(question, new AbortController().signal)).rejects.toThrow('1:2: parse error: no');
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"title":"Forbidden","detail":"not yours"}', { status: 403 })));
    await expect(ask(question, new AbortController().signal)).rejects.toThrow('not yours');
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502 })));
    await expect(ask(question, new AbortController().signal)).rejects.toThrow('HTTP 502');
  });
});

describe('names and memory', () => {
  it('write a series as a query would', () => {
    expect(seriesText({ __name__: 'up', job: 'a "b"' })).toBe('up{job="a \\"b\\""}');
    expect(seriesText({ __name__: 'up' })).toBe('up');
    expect(seriesText({})).toBe('{}');
  });
  it('put first what tells series apart', () => {
    const all: Record<string, string>[] = [{ __name__: 'up', a: '1', job: 'x' }, { __name__: 'up', a: '1', job: 'y' }, { __name__: 'up', a: '1', job: 'y', z: '1' }];
    const telling = tellingLabels(all);
    expect([...telling]).toEqual(['job', 'z']);
    expect(seriesText(all[0] ?? {}, telling)).toBe('up{job="x", a="1"}');
  });
  it('keep the latest queries once, whatever the storage holds', () => {
    const [of, texts] = [(...all: string[]) => all.map((text) => ({ text, isLog: false })), (all: Query[]) => all.map(({ text, isLog }) => (isLog ? `LogQL ${text}` : text))];
    expect(texts(withRecent(of('b', 'a'), of('a ', '', 'c')))).toEqual(['a', 'c', 'b']);
    expect(texts(withRecent(of('a'), [{ text: 'a', isLog: true }]))).toEqual(['LogQL a', 'a']);
    expect(texts(parseRecent('["a",{"logql":"{b}"},{"logql":7}]'))).toEqual(['a', 'LogQL {b}']);
    for (const text of [null, '{', '7', '{"a":1}', '[1,null,""]']) expect(parseRecent(text)).toEqual([]);
    expect(withRecent(of(...Array.from({ length: 40 }, (_, i) => `q${i}`)), of('x'))).toHaveLength(30);
  });
});
