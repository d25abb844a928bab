import { answerOf, endOf, gridFor, type Grid, type QueryAnswer, type WireAnswer } from './matrix.ts';
import { lex } from './lexer.ts';
import type { Span } from '../domain/span.ts';

/** What the worker is asked. */
export interface Question {
  query: string;
  /** LogQL, not PromQL. */
  isLog?: boolean;
  /** A moment is a query at the end of the span. */
  kind: 'range' | 'instant';
  span: Span;
  points: number;
}

export interface Outcome {
  answer: QueryAnswer;
  /** From the question to the last byte, milliseconds. */
  tookMs: number;
  bytes: number;
  /** The step was made longer, because the answer would have been too large. */
  isCoarse: boolean;
}

/** The answer is larger than it may be; asked again with fewer points it may fit. */
export class TooLarge extends Error {
  constructor(readonly bytes: number) {
    super(`the answer is larger than ${Math.round(bytes / 1_048_576)} MB`);
    this.name = 'TooLarge';
  }
}

const MOST_BYTES = 48 * 1_048_576;
/** What is planned for: about a second until it is drawn, on a slow machine two. A brush shows more of a part. */
const PLANNED_BYTES = 12 * 1_048_576;
const COARSER = 5;
const LEAST_POINTS = 12;

/** The text of an answer, given up as soon as it is larger than allowed. */
export async function boundedText(response: Response, most: number): Promise<{ text: string; bytes: number }> {
  if (!response.body) return { text: await response.text(), bytes: 0 };
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let bytes = 0;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a stream is read in its order
    const { value, done } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > most) {
      // oxlint-disable-next-line no-await-in-loop -- it ends here
      await reader.cancel();
      throw new TooLarge(most);
    }
    parts.push(decoder.decode(value, { stream: true }));
  }
  parts.push(decoder.decode());
  return { text: parts.join(''), bytes };
}

/** The most log lines of an answer. */
export const MOST_LINES = 1_000;

/** A query for log lines begins with a selector; one for figures, with a function. */
export const isForLines = (query: string): boolean => lex(query).find(({ kind }) => kind !== 'comment')?.text === '{';

function logParameters({ query, kind, span }: Question, grid: Grid): [path: string, body: URLSearchParams] {
  // Log lines are of a stretch of time, even where figures are of a moment.
  if (isForLines(query)) return ['/loki/api/v1/query_range', new URLSearchParams({ query, start: String(span.from), end: String(span.to), limit: String(MOST_LINES), direction: 'backward' })];
  if (kind === 'instant') return ['/loki/api/v1/query', new URLSearchParams({ query, time: String(endOf(grid)) })];
  return ['/loki/api/v1/query_range', new URLSearchParams({ query, start: String(grid.start), end: String(endOf(grid)), step: String(grid.step) })];
}

function parameters(question: Question, grid: Grid): [path: string, body: URLSearchParams] {
  if (question.isLog) return logParameters(question, grid);
  const { query, kind } = question;
  const common = { query, stats: 'all' };
  if (kind === 'instant') return ['/api/v1/query', new URLSearchParams({ ...common, time: String(endOf(grid)) })];
  return ['/api/v1/query_range', new URLSearchParams({ ...common, start: String(grid.start), end: String(endOf(grid)), step: String(grid.step) })];
}

async function once(question: Question, points: number, signal: AbortSignal, most: number): Promise<{ answer: QueryAnswer; bytes: number }> {
  const { to } = question.span;
  const grid = question.kind === 'instant' ? { start: to, step: 1, length: 1 } : gridFor(question.span, points);
  const [path, body] = parameters(question, grid);
  const response = await fetch(path, { method: 'POST', body, signal, headers: { accept: 'application/json' } });
  const { text, bytes } = await boundedText(response, most);
  const wire = parse(text, response.status);
  if (wire.status !== 'success') throw new Error(wire.error ?? `HTTP ${response.status}`);
  return { answer: answerOf(wire, grid), bytes };
}

function parse(text: string, status: number): WireAnswer {
  try {
    const wire = JSON.parse(text) as WireAnswer & { detail?: string; title?: string };
    return typeof wire.status === 'string' ? wire : { status: 'error', error: wire.detail ?? wire.title ?? `HTTP ${status}` };
  } catch {
    // Loki's errors are plain text; a page is what some proxy says.
    const isSaid = status >= 400 && text.length < 2_000 && /^\s*[^<\s]/.test(text);
    return { status: 'error', error: isSaid ? text : `HTTP ${status}` };
  }
}

/** How many bytes a point of a query took lately, so that a large one is not asked in vain each time. */
const weights = new Map<string, number>();
const MOST_WEIGHTS = 100;

function weigh(query: string, bytes: number, points: number): void {
  weights.delete(query);
  weights.set(query, bytes / points);
  if (weights.size > MOST_WEIGHTS) weights.delete(weights.keys().next().value ?? '');
}

/** A point of a series in an answer, `[1795700000,"12.25"],` and its share of the labels. */
const BYTES_A_POINT = 28;

/** How many series a query has at a time; null when there is none, or when that cannot be counted (a scalar, a wrong query). */
async function seriesAt(time: number, query: string, signal: AbortSignal): Promise<number | null> {
  // The line breaks keep a comment at the end of the query from hiding the bracket.
  const body = new URLSearchParams({ query: `count(\n${query}\n)`, time: String(time) });
  const response = await fetch('/api/v1/query', { method: 'POST', body, signal, headers: { accept: 'application/json' } });
  const { text } = await boundedText(response, MOST_BYTES);
  const wire = parse(text, response.status);
  const [only] = wire.data?.resultType === 'vector' ? answerOf(wire, { start: time, step: 1, length: 1 }).lines : [];
  return only && Number.isFinite(only.last) ? only.last : null;
}

/** The points that fit, by what is known of the query or by its series; as many as wanted when nothing is known. */
async function fittingPoints(question: Question, signal: AbortSignal, planned: number): Promise<number> {
  const { query, points, kind, isLog, span } = question;
  if (kind === 'instant') return points;
  // What ended before the end of the span was there in its middle: else all of it would be asked for, in vain.
  const moments = isLog || weights.has(query) ? [] : [span.to, (span.from + span.to) / 2];
  const counts = await Promise.all(moments.map((time) => seriesAt(time, query, signal)));
  const weight = weights.get(query) ?? Math.max(0, ...counts.map((count) => count ?? 0)) * BYTES_A_POINT;
  return weight * points <= planned ? points : Math.max(LEAST_POINTS, Math.floor((planned * 0.8) / weight));
}

/** Asks, with a longer step when the answer is too large. */
export async function ask(question: Question, signal: AbortSignal, most = MOST_BYTES): Promise<Outcome> {
  const began = performance.now();
  let points = await fittingPoints(question, signal, Math.min(most, PLANNED_BYTES));
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- the next attempt depends on this one
      const { answer, bytes } = await once(question, points, signal, most);
      if (question.kind === 'range') weigh(question.query, bytes, answer.grid.length);
      return { answer, bytes, tookMs: performance.now() - began, isCoarse: points !== question.points };
    } catch (error) {
      if (!(error instanceof TooLarge) || question.kind === 'instant' || points <= LEAST_POINTS) throw error;
      points = Math.max(LEAST_POINTS, Math.floor(points / COARSER));
    }
  }
}
