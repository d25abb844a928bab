/** "1:12: parse error: …", "parse error at char 12: …": the place in what was sent. */
export function placeOf(message: string, query: string): number | null {
  const lined = /at line (\d+), col (\d+): /.exec(message) ?? /(?:^|[\s"])(\d+):(\d+): (?:parse error|lexer error)/.exec(message) ?? /(?:^|[\s"])(\d+):(\d+): /.exec(message);
  if (lined) {
    const lines = query.split('\n').slice(0, Number(lined[1]) - 1);
    const start = lines.reduce((sum, line) => sum + line.length + 1, 0);
    return clamp(start + Number(lined[2]) - 1, query);
  }
  const plain = /at (?:char|position|offset) (\d+)/.exec(message);
  return plain ? clamp(Number(plain[1]) - 1, query) : null;
}

const clamp = (at: number, query: string): number => Math.max(0, Math.min(query.length, at));

/** The stretch to underline: the word at the place, or the sign there; what is meant by a space or the end is the sign before. */
export function faultSpan(at: number, query: string): [from: number, to: number] {
  const before = query.slice(0, at + 1).trimEnd().length - 1;
  const from = Math.max(0, Math.min(at, before));
  const [word] = /^[\w:]+/.exec(query.slice(from)) ?? [];
  return [from, Math.max(from + 1, from + (word?.length ?? 1))];
}

/** Without what the address bar or the underline says already. */
export const plainFault = (message: string): string => message.replace(/^invalid parameter "query": /, '').replace(/^(\d+:\d+: )?/, '').replace(/^parse error at line \d+, col \d+: /, '');
