import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask, isForLines, MOST_LINES, type Question } from './asking.ts';
import { apply, SELECTOR, type Proposal } from './complete.ts';
import { contextAt } from './context.ts';
import { faultSpan, placeOf, plainFault } from './fault.ts';
import { pieces } from './highlight.ts';
import { answerOf } from './matrix.ts';
import { LOG_OPERANDS, LOG_STAGES, STAGES } from './vocabulary.ts';

/** `^` is the cursor. */
const at = (marked: string) => contextAt(marked.replace('^', ''), marked.indexOf('^'), true);
const proposal = (text: string, kind: Proposal['kind']): Proposal => ({ text, kind, detail: '', help: '' });
const choose = (marked: string, choice: Proposal) => {
  const context = at(marked);
  if (!context) throw new Error('no context');
  const edit = apply(marked.replace('^', ''), context, choice);
  return `${edit.text.slice(0, edit.cursor)}^${edit.text.slice(edit.cursor)}`;
};

describe('in LogQL', () => {
  it.each([
    ['^', 'operand', '', ''], ['ra^', 'operand', 'ra', ''], ['sum by (a) (^', 'operand', '', ''],
    ['{^', 'label', '', ''], ['{a="1", le^}', 'label', 'le', '{a="1"}'], ['rate({source="^"}[5m])', 'value', '', ''], ['{a="1",b=~"x^"}', 'value', 'x', '{a="1"}'],
    ['{a="1"} ^', 'word', '', ''], ['{a="1"} |= "x" ^', 'word', '', ''],
    ['{a="1"} | ^', 'stage', '', '{a="1"}'], ['rate({a="1"} |= "x" | js^', 'stage', 'js', '{a="1"}'], ['{a="1"} | json | unwrap ^', 'grouping', '', '{a="1"}'],
    ['rate({a="1"}[^', 'duration', '', ''], ['sum by (^) (rate({a="1"}[5m]))', 'grouping', '', ''],
  ])('%s is %s', (marked, kind, prefix, selector) => expect(at(marked)).toMatchObject({ kind, prefix, selector }));
  it('a line filter has nothing to propose', () => expect(at('{a="1"} |= "er^"')).toBeNull());
  it('a choice is put where it belongs', () => {
    expect(choose('^', proposal(SELECTOR, 'keyword'))).toBe('{^}');
    expect(choose('{a="1"} ^', proposal('|= ""', 'keyword'))).toBe('{a="1"} |= "^"');
    expect(choose('{a="1"} | js^', proposal('json', 'keyword'))).toBe('{a="1"} | json ^');
    expect(choose('co^', proposal('count_over_time', 'function'))).toBe('count_over_time(^');
  });
  it('stages look like words, and labels of the same name do not', () => {
    const looks = pieces('{json="a"} | json').filter(({ text }) => text === 'json').map(({ look }) => look);
    expect(looks).toEqual(['label', 'word']);
  });
  it('every word is one that the engine knows', () => {
    const code = ['ast', 'parser', 'stage_parser'].map((name) => readFileSync(new URL(`../../../crates/query/src/logql/${name}.rs`, import.meta.url), 'utf8')).join('\n');
    for (const { name } of [...LOG_OPERANDS, ...LOG_STAGES]) expect(code.includes(`"${name}"`), name).toBe(true);
    // And every stage that it knows is proposed.
    const known = [...code.matchAll(/"(\w+)" => (?:Stage::|self\.(?:logfmt|label_format))/g)].map(([, name]) => name ?? '');
    expect(known.length).toBeGreaterThan(8);
    for (const name of known) expect(STAGES.has(name), name).toBe(true);
  });
  it('what is wrong is underlined where the server means it', () => {
    const query = '{a="1"} |= ';
    const message = 'parse error at line 1, col 12: syntax error: unexpected $end, expecting STRING';
    expect(faultSpan(placeOf(message, query) ?? -1, query)).toEqual([9, 10]);
    expect(plainFault(message)).toBe('syntax error: unexpected $end, expecting STRING');
    expect(placeOf('parse error at line 2, col 3: x', '{a="1"}\n| x')).toBe(10);
  });
});

const question = (query: string, kind: Question['kind'] = 'range'): Question => ({ query, isLog: true, kind, span: { from: 1_000, to: 1_600 }, points: 60 });

/** A server that answers every question so; what it was asked. */
const answers = (body: unknown, status = 200) => {
  const asked: { path: string; form: URLSearchParams }[] = [];
  vi.stubGlobal('fetch', (path: string, { body: form }: { body: URLSearchParams }) => {
    asked.push({ path, form });
    return Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status }));
  });
  return asked;
};

describe('a query in LogQL', () => {
  afterEach(() => vi.unstubAllGlobals());
  const signal = new AbortController().signal;
  const streams = { status: 'success', data: { resultType: 'streams', result: [
    { stream: { source: 'a' }, values: [['1100000000000000001', 'second'], ['1100000000000000000', 'first']] }, { stream: { source: 'b' }, values: [['1200000000000000000', 'third']] },
  ], stats: { summary: { execTime: 0.01, totalLinesProcessed: 7 } } } };

  it('for lines asks Loki’s range, whatever the kind, and gets them newest first', async () => {
    const asked = answers(streams);
    const { answer } = await ask(question('# what\n{source=~".+"}', 'instant'), signal);
    expect([asked[0]?.path, asked[0]?.form.get('start'), asked[0]?.form.get('end'), asked[0]?.form.get('limit')]).toEqual(['/loki/api/v1/query_range', '1000', '1600', String(MOST_LINES)]);
    expect(answer.entries?.map(({ text, labels }) => `${labels['source']} ${text}`)).toEqual(['b third', 'a second', 'a first']);
    expect([answer.lines, answer.linesRead, answer.evalSeconds]).toEqual([[], 7, 0.01]);
  });
  it('for figures is asked with a step, or for one moment', async () => {
    const matrix = { status: 'success', data: { resultType: 'matrix', result: [{ metric: { source: 'a' }, values: [[1_000, '2'], [1_020, '4']] }] } };
    const asked = answers(matrix);
    const { answer } = await ask(question('sum(rate({a="b"}[1m]))'), signal);
    expect([asked[0]?.path, Number(asked[0]?.form.get('step')) > 0]).toEqual(['/loki/api/v1/query_range', true]);
    expect([answer.entries, answer.lines[0]?.last, answer.lines[0]?.max]).toEqual([null, 4, 4]);
    await ask(question('sum(rate({a="b"}[1m]))', 'instant'), signal);
    expect(asked[1]?.path).toBe('/loki/api/v1/query');
  });
  it('that fails says what the server said, which is no JSON', async () => {
    answers('parse error at line 1, col 2: syntax error', 400);
    await expect(ask(question('{'), signal)).rejects.toThrow('parse error at line 1, col 2: syntax error');
    answers('', 502);
    await expect(ask(question('{'), signal)).rejects.toThrow('HTTP 502');
  });
  it('knows lines from figures', () => expect(['{a="b"}', '  {', 'rate({a="b"}[1m])', '', '# {\nsum(x)'].map(isForLines)).toEqual([true, true, false, false, false]));
  it('with no stream has no line', () => expect(answerOf({ status: 'success', data: { resultType: 'streams', result: [] } }, { start: 0, step: 1, length: 1 }).entries).toEqual([]));
});
