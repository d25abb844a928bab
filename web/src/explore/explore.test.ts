import { describe, expect, it } from 'vitest';
import { apply, fit, rank, type Proposal } from './complete.ts';
import { contextAt } from './context.ts';
import { faultSpan, placeOf, plainFault } from './fault.ts';
import { lex } from './lexer.ts';

/** `|` is the cursor. */
const at = (marked: string) => contextAt(marked.replace('|', ''), marked.indexOf('|'));
const proposal = (text: string, kind: Proposal['kind'] = 'metric'): Proposal => ({ text, kind, detail: '', help: '' });

const choose = (marked: string, choice: Proposal) => {
  const text = marked.replace('|', '');
  const context = at(marked);
  if (!context) throw new Error('no context');
  const edit = apply(text, context, choice);
  return `${edit.text.slice(0, edit.cursor)}|${edit.text.slice(edit.cursor)}`;
};

describe('the lexer', () => {
  it('cuts a query into its pieces', () => {
    expect(lex('rate(up{job=~"a\\"b"}[5m]) # why').map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'name rate', 'open (', 'name up', 'open {', 'name job', 'operator =~', 'string "a\\"b"', 'close }', 'open [', 'number 5m', 'close ]', 'close )', 'comment # why',
    ]);
  });
  it('never fails, and always ends', () => {
    for (const text of ['"open', '\\', '{{{', '0x', '1e', '💥', "'a\\", '`raw\\`']) expect(lex(text).at(-1)?.to ?? text.length).toBe(text.length);
  });
});

describe('the context', () => {
  it.each([
    ['|', 'operand', '', ''], ['ra|', 'operand', 'ra', ''], ['sum(vi|', 'operand', 'vi', ''], ['a + |', 'operand', '', ''],
    ['up |', 'word', '', ''], ['up o|', 'word', 'o', ''], ['rate(up[5m]) |', 'word', '', ''],
    ['up{|', 'label', '', 'up'], ['up{jo|}', 'label', 'jo', 'up'], ['up{a="1", |}', 'label', '', 'up{a="1"}'], ['{|}', 'label', '', ''],
    ['up{job="|', 'value', '', 'up'], ['up{job="pr|"}', 'value', 'pr', 'up'], ['up{a="1",job=~"x|",b!="2"}', 'value', 'x', 'up{a="1",b!="2"}'],
    ['rate(up[|', 'duration', '', ''], ['rate(up[5|', 'duration', '5', ''],
    ['sum by (|) (up)', 'grouping', '', 'up'], ['sum(rate(up{a="b"}[5m])) by (jo|', 'grouping', 'jo', 'up'], ['sum by (a, |', 'grouping', '', ''],
  ])('%s is %s', (marked, kind, prefix, selector) => expect(at(marked)).toMatchObject({ kind, prefix, selector }));
  it.each(['up # com|', 'label_join(up, "x|', 'up{job |="x"}', '12|'])('%s has nothing to propose', (marked) => expect(at(marked)).toBeNull());
  it('replaces the whole word, not what is left of the cursor', () => expect(at('sum(vigi|e_jobs)')).toMatchObject({ from: 4, to: 14 }));
  it('knows the label of a value', () => expect(at('up{job="|"}')).toMatchObject({ label: 'job', from: 8, to: 8 }));
});

describe('proposals', () => {
  it('fit from the start, from a word, from within, by signs in their order', () => {
    expect(['rate', 'irate', 'job_rate', 'r_a_t_e', 'sum'].map((name) => fit(name, 'rate'))).toEqual([0, 3, 2, 4, null]);
  });
  it('come best first, at most so many', () => {
    const names = ['irate', 'vigie_rate', 'rate_total', 'rate', 'up'].map((name) => proposal(name));
    expect(rank(names, 'rate').map(({ text }) => text)).toEqual(['rate', 'rate_total', 'vigie_rate', 'irate']);
    expect(rank(Array.from({ length: 10_000 }, (_, i) => proposal(`m${i}`)), 'm')).toHaveLength(50);
  });
  it('are put where they belong', () => {
    expect(choose('ra|', proposal('rate', 'function'))).toBe('rate(|');
    expect(choose('ra|(up)', proposal('rate', 'function'))).toBe('rate|(up)');
    expect(choose('sum(u|)', proposal('up'))).toBe('sum(up|)');
    expect(choose('up{j|}', proposal('job', 'label'))).toBe('up{job="|"}');
    expect(choose('up{j|="a"}', proposal('job', 'label'))).toBe('up{job|="a"}');
    expect(choose('up{job="p|"}', proposal('prom', 'value'))).toBe('up{job="prom"|}');
    expect(choose('up{job="p|', proposal('a "b"\\', 'value'))).toBe('up{job="a \\"b\\"\\\\"|');
    expect(choose('up o|', proposal('offset', 'modifier'))).toBe('up offset |');
  });
});

describe('a fault', () => {
  it('is found in the query', () => {
    expect(placeOf('invalid parameter "query": 1:5: parse error: unexpected <op:*>', 'sum(*)')).toBe(4);
    expect(placeOf('2:3: parse error: no', 'sum(\n  *)')).toBe(7);
    expect(placeOf('parse error at char 3: no', 'a b')).toBe(2);
    expect(placeOf('query timed out', 'a')).toBeNull();
    expect(placeOf('1:999: parse error: no', 'up')).toBe(2);
  });
  it('underlines a word, a sign, or the end', () => {
    expect(faultSpan(4, 'sum(foo bar)')).toEqual([4, 7]);
    expect(faultSpan(4, 'sum(*)')).toEqual([4, 5]);
    expect(faultSpan(4, 'sum(')).toEqual([3, 4]);
    expect(faultSpan(3, 'up) + 1')).toEqual([2, 3]);
    expect(faultSpan(0, '')).toEqual([0, 1]);
  });
  it('is said without its place', () => expect(plainFault('invalid parameter "query": 1:5: parse error: no')).toBe('parse error: no'));
});
