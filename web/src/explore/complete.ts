import type { Context } from './context.ts';

export interface Proposal {
  text: string;
  kind: 'metric' | 'function' | 'aggregation' | 'keyword' | 'modifier' | 'label' | 'value' | 'duration';
  /** "counter", "rate(v range-vector)": beside the name. */
  detail: string;
  help: string;
  /** The help is in English, whatever the language of the screen. */
  isEnglish?: boolean;
}

/** An empty selector, to be filled. */
export const SELECTOR = '{}';
const MOST_PROPOSALS = 50;
export const DURATIONS = ['30s', '1m', '2m', '5m', '10m', '15m', '30m', '1h', '6h', '1d', '1w'] as const;

/** How well a candidate fits what is typed: the lower the better; null when it does not. */
export function fit(candidate: string, typed: string): number | null {
  if (typed === '') return 0;
  const name = candidate.toLowerCase();
  const wanted = typed.toLowerCase();
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  const at = name.indexOf(wanted);
  if (at > 0) return /[_:.\-/\s]/.test(name[at - 1] ?? '') ? 2 : 3;
  return isWithin(name, wanted) ? 4 : null;
}

/** Whether the signs of `wanted` stand in `name` in their order: "vqj" for "vigie_queue_jobs". */
function isWithin(name: string, wanted: string): boolean {
  if (wanted.length < 2) return false;
  let at = -1;
  for (const sign of wanted) {
    at = name.indexOf(sign, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** The candidates that fit, best first, then shortest, then by name; at most 50. */
export function rank(candidates: readonly Proposal[], typed: string, most = MOST_PROPOSALS): Proposal[] {
  const fitting: { proposal: Proposal; score: number }[] = [];
  for (const proposal of candidates) {
    const score = fit(proposal.text, typed);
    if (score !== null) fitting.push({ proposal, score });
  }
  const order = typed === '' ? 0 : 1;
  fitting.sort((a, b) => a.score - b.score || order * (a.proposal.text.length - b.proposal.text.length) || (a.proposal.text < b.proposal.text ? -1 : 1));
  return fitting.slice(0, most).map(({ proposal }) => proposal);
}

interface Edit {
  text: string;
  cursor: number;
}

/** A value as it has to stand between double quotes. */
const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** The text after a choice, and where the cursor goes. */
export function apply(text: string, context: Context, proposal: Proposal): Edit {
  const before = text.slice(0, context.from);
  const after = text.slice(context.to);
  const put = (insert: string, back = 0): Edit => ({ text: before + insert + after, cursor: before.length + insert.length - back });
  switch (context.kind) {
    case 'label':
      return after.trimStart().startsWith('=') || after.trimStart().startsWith('!') ? put(proposal.text) : put(`${proposal.text}=""`, 1);
    case 'value': {
      const edit = put(escaped(proposal.text));
      const quote = before.at(-1) ?? '"';
      if (after.startsWith(quote)) return { text: edit.text, cursor: edit.cursor + 1 };
      return put(`${escaped(proposal.text)}${quote}`);
    }
    case 'operand':
      if (proposal.text === SELECTOR) return put(SELECTOR, 1);
      return proposal.kind === 'metric' || after.startsWith('(') ? put(proposal.text) : put(`${proposal.text}(`);
    case 'stage':
    case 'word':
      return proposal.text.endsWith('""') ? put(proposal.text, 1) : put(`${proposal.text} `);
    default:
      return put(proposal.text);
  }
}
