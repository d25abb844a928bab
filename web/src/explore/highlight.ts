import { lex, type Token } from './lexer.ts';
import { AGGREGATION_NAMES, GROUPING, STAGES, WORDS } from './vocabulary.ts';

/** A stretch of a query with its class: "fn", "word", "label", "metric", "string", "number", "comment", "" for the rest. */
interface Piece {
  text: string;
  from: number;
  look: string;
}

function nameLook(tokens: readonly Token[], i: number, inBraces: boolean, inGrouping: boolean): string {
  const text = tokens[i]?.text ?? '';
  if (inBraces || inGrouping) return 'label';
  if (WORDS.has(text) || (tokens[i - 1]?.text === '|' && STAGES.has(text))) return 'word';
  if (AGGREGATION_NAMES.has(text) || tokens[i + 1]?.text === '(') return 'fn';
  return 'metric';
}

/** The whole query in pieces, the space between included, so that it lies exactly over what is typed. */
export function pieces(query: string): Piece[] {
  const tokens = lex(query);
  const out: Piece[] = [];
  const open: string[] = [];
  let end = 0;
  const put = (text: string, from: number, look: string) => text !== '' && out.push({ text, from, look });
  tokens.forEach((token, i) => {
    put(query.slice(end, token.from), end, '');
    end = token.to;
    const owner = tokens[i - 1]?.text ?? '';
    if (token.kind === 'open') open.push(token.text === '(' && GROUPING.has(owner) ? 'grouping' : token.text);
    else if (token.kind === 'close') open.pop();
    const look = token.kind === 'name' ? nameLook(tokens, i, open.at(-1) === '{', open.at(-1) === 'grouping') : token.kind;
    put(token.text, token.from, look);
  });
  put(query.slice(end), end, '');
  return out;
}

/** The pieces cut at the borders of a stretch, those within it marked; for the underline of a fault. */
export function marked(all: readonly Piece[], span: readonly [number, number] | null): (Piece & { isFault: boolean })[] {
  if (!span) return all.map((piece) => ({ ...piece, isFault: false }));
  const [from, to] = span;
  return all.flatMap((piece) => {
    const cuts = [0, from - piece.from, to - piece.from, piece.text.length].map((cut) => Math.max(0, Math.min(piece.text.length, cut)));
    return [0, 1, 2].flatMap((part) => {
      const [begin = 0, end = 0] = [cuts[part], cuts[part + 1]];
      return end > begin ? [{ text: piece.text.slice(begin, end), from: piece.from + begin, look: piece.look, isFault: part === 1 }] : [];
    });
  });
}
