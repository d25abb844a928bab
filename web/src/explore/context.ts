import { lex, type Token } from './lexer.ts';
import { AGGREGATION_NAMES, GROUPING, NAMING_STAGES, WORDS } from './vocabulary.ts';

/** What is being typed: which words may stand there, the part that a choice replaces, and what narrows the choice. */
export interface Context {
  kind: 'operand' | 'word' | 'stage' | 'label' | 'grouping' | 'value' | 'duration';
  /** What is typed of it already. */
  prefix: string;
  from: number;
  to: number;
  /** The label whose values are wanted. */
  label?: string;
  /** The selector that labels or values have to belong to; empty for any. */
  selector: string;
}

interface Frame {
  open: Token;
  /** Where the token stands in the list. */
  at: number;
}

const MATCHES: ReadonlySet<string> = new Set(['=', '!=', '=~', '!~']);
const PAIR: Record<string, string> = { ')': '(', '}': '{', ']': '[' };

/** The brackets that are open before a place, outermost first. */
function framesBefore(tokens: readonly Token[], place: number): Frame[] {
  const frames: Frame[] = [];
  tokens.forEach((token, at) => {
    if (token.from >= place) return;
    if (token.kind === 'open') frames.push({ open: token, at });
    else if (token.kind === 'close' && frames.at(-1)?.open.text === PAIR[token.text]) frames.pop();
  });
  return frames;
}

/** The matchers between the braces of a selector that are whole, but for the one that is being typed. */
function wholeMatchers(tokens: readonly Token[], brace: number, place: number): string[] {
  const matchers: string[] = [];
  for (let i = brace + 1; i < tokens.length && tokens[i]?.text !== '}'; i += 1) {
    const [name, operator, value] = tokens.slice(i, i + 3);
    if (!name || !operator || !value) break;
    const isWhole = name.kind === 'name' && MATCHES.has(operator.text) && value.kind === 'string' && value.isOpen !== true;
    if (isWhole && !(name.from <= place && place <= value.to)) matchers.push(`${name.text}${operator.text}${value.text}`);
  }
  return matchers;
}

function selectorAt(tokens: readonly Token[], brace: number, place: number): string {
  const before = tokens[brace - 1];
  const metric = before?.kind === 'name' && !WORDS.has(before.text) ? before.text : '';
  const matchers = wholeMatchers(tokens, brace, place);
  return matchers.length > 0 ? `${metric}{${matchers.join(',')}}` : metric;
}

/** The metric inside the brackets of an aggregation, wherever its grouping stands: `sum by (…) (up)`, `sum(up) by (…)`. */
function groupedSelector(tokens: readonly Token[], keyword: number, close: number): string {
  const isMetric = (token: Token, i: number) =>
    token.kind === 'name' && !WORDS.has(token.text) && !AGGREGATION_NAMES.has(token.text) && tokens[i + 1]?.text !== '(' && tokens[i + 1]?.text !== '=';
  const after = tokens.findIndex((token, i) => i > close && isMetric(token, i));
  if (after >= 0 && tokens[close + 1]?.text === '(') return tokens[after]?.text ?? '';
  const before = tokens.findLastIndex((token, i) => i < keyword && isMetric(token, i) && !isInGrouping(tokens, i));
  return tokens[before]?.text ?? '';
}

function isInGrouping(tokens: readonly Token[], at: number): boolean {
  const frame = framesBefore(tokens, tokens[at]?.from ?? 0).at(-1);
  const owner = frame && tokens[frame.at - 1];
  return frame?.open.text === '{' || (owner !== undefined && GROUPING.has(owner.text));
}

/** Whether a whole operand stands before, so that only a word can follow. */
const endsOperand = (token: Token | undefined): boolean =>
  token !== undefined && (token.kind === 'close' || token.kind === 'number' || token.kind === 'string' || (token.kind === 'name' && !WORDS.has(token.text)));

/** The stream selector that is closed last before a place of a LogQL query. */
function streamsBefore(text: string, tokens: readonly Token[], place: number): string {
  const close = tokens.findLastIndex((token) => token.text === '}' && token.to <= place);
  const open = tokens.findLastIndex((token, i) => i < close && token.text === '{');
  return close < 0 || open < 0 ? '' : text.slice(tokens[open]?.from, tokens[close]?.to);
}

/** What may follow a `|` of LogQL, or a stage that names labels; null where it is neither. */
function stageContext(text: string, tokens: readonly Token[], before: Token | undefined, span: Pick<Context, 'prefix' | 'from' | 'to'>): Context | null {
  const selector = streamsBefore(text, tokens, span.from);
  if (before?.text === '|') return { kind: 'stage', ...span, selector };
  return before?.kind === 'name' && NAMING_STAGES.has(before.text) ? { kind: 'grouping', ...span, selector } : null;
}

/** Where the cursor stands in PromQL, or in LogQL; null where nothing can be proposed. */
export function contextAt(text: string, cursor: number, isLog = false): Context | null {
  const tokens = lex(text);
  const here = tokens.findIndex((token) => token.from < cursor && (cursor < token.to || (cursor === token.to && (token.kind === 'name' || token.kind === 'number' || token.isOpen === true || token.kind === 'comment'))));
  const token = tokens[here];
  const frames = framesBefore(tokens, token?.from ?? cursor);
  const frame = frames.at(-1);
  const index = here >= 0 ? here : tokens.filter((candidate) => candidate.to <= cursor).length;
  if (token?.kind === 'comment') return null;
  if (token?.kind === 'string') return frame?.open.text === '{' ? valueContext(text, tokens, here, frame, cursor) : null;
  const word = token && (token.kind === 'name' || token.kind === 'number') ? token : undefined;
  const span = { prefix: text.slice(word?.from ?? cursor, cursor), from: word?.from ?? cursor, to: word?.to ?? cursor };
  const before = tokens[index - 1];
  if (frame?.open.text === '[') return { kind: 'duration', ...span, selector: '' };
  if (frame?.open.text === '{') {
    const isName = before?.text === '{' || before?.text === ',';
    return isName && word?.kind !== 'number' ? { kind: 'label', ...span, selector: selectorAt(tokens, frame.at, cursor) } : null;
  }
  const owner = frame && tokens[frame.at - 1];
  if (frame && owner && GROUPING.has(owner.text)) {
    const close = tokens.findIndex((candidate, i) => i > frame.at && candidate.text === ')');
    return { kind: 'grouping', ...span, selector: groupedSelector(tokens, frame.at - 1, close < 0 ? tokens.length : close) };
  }
  if (word?.kind === 'number') return null;
  const stage = isLog ? stageContext(text, tokens, before, span) : null;
  if (stage) return stage;
  return { kind: endsOperand(before) ? 'word' : 'operand', ...span, selector: '' };
}

function valueContext(text: string, tokens: readonly Token[], here: number, frame: Frame, cursor: number): Context | null {
  const [name, operator, value] = tokens.slice(here - 2, here + 1);
  if (!name || !operator || !value || name.kind !== 'name' || !MATCHES.has(operator.text)) return null;
  // A string without an end runs to the end of the text; its value ends at the first sign that is not of it.
  const rest = value.isOpen ? text.slice(cursor).search(/[\s,}]|$/) : value.to - 1 - cursor;
  return { kind: 'value', prefix: text.slice(value.from + 1, cursor), from: value.from + 1, to: cursor + Math.max(0, rest), label: name.text, selector: selectorAt(tokens, frame.at, cursor) };
}
