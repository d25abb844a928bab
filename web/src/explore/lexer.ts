type TokenKind = 'comment' | 'string' | 'number' | 'name' | 'operator' | 'open' | 'close' | 'comma' | 'other';

export interface Token {
  kind: TokenKind;
  text: string;
  from: number;
  /** Behind the last character. */
  to: number;
  /** A string whose end is missing. */
  isOpen?: boolean;
}

const PATTERNS: readonly [TokenKind, RegExp][] = [
  ['comment', /#[^\n]*/y],
  ['number', /(?:0[xX][\da-fA-F]+|(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ['name', /[a-zA-Z_:][\w:]*/y],
  ['operator', /=~|!~|==|!=|<=|>=|[-+*/%^=<>@]/y],
  ['open', /[({[]/y],
  ['close', /[)}\]]/y],
  ['comma', /,/y],
];

/** The end of the string that begins at `from`: behind its quote, or the end of the text. */
function stringEnd(text: string, from: number): [end: number, isOpen: boolean] {
  const quote = text[from];
  for (let i = from + 1; i < text.length; i += 1) {
    if (text[i] === '\\' && quote !== '`') i += 1;
    else if (text[i] === quote) return [i + 1, false];
  }
  return [text.length, true];
}

/**
 * PromQL in pieces, without the space between. It never fails: what it does not know is a piece by itself, since one
 * who types is wrong most of the time.
 */
export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    const token = char === '"' || char === "'" || char === '`' ? stringToken(text, at) : plainToken(text, at);
    tokens.push(token);
    at = token.to;
  }
  return tokens;
}

function stringToken(text: string, from: number): Token {
  const [to, isOpen] = stringEnd(text, from);
  return { kind: 'string', text: text.slice(from, to), from, to, isOpen };
}

function plainToken(text: string, from: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = from;
    const [found] = pattern.exec(text) ?? [];
    if (found) return { kind, text: found, from, to: from + found.length };
  }
  return { kind: 'other', text: text[from] ?? '', from, to: from + 1 };
}
