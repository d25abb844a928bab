import { LEVELS, type Level } from '../api/logs.ts';
import type { Line } from './line.ts';

/** Lines that say the same but for their figures and names. */
interface Pattern {
  text: string;
  count: number;
  level: Level;
  first: number;
  last: number;
  example: Line;
}

const RULES: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [/[\w.+-]+@[\w-]+\.[\w.-]+/g, '<mail>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '<address>'],
  [/"(?:[^"\\]|\\.)*"/g, '"…"'],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, '<hex>'],
  [/\d+(?:\.\d+)?/g, '#'],
];
/** Nobody reads more, and the rules cost by the letter. */
const LONGEST = 400;

/** What is the same in lines that differ by figures, ids, addresses and quoted names only. */
export const shapeOf = (message: string): string => {
  let text = message.slice(0, LONGEST).split('\n', 1)[0] ?? '';
  for (const [rule, name] of RULES) text = text.replaceAll(rule, name);
  return text;
};

const rank = (level: Level): number => LEVELS.indexOf(level);

/** Groups lines, the most frequent first; the worst level of a group is the group's. */
export function patternsOf(lines: readonly Line[], most: number): Pattern[] {
  const groups = new Map<string, Pattern>();
  for (const line of lines) {
    const text = shapeOf(line.message);
    const group = groups.get(text);
    if (!group) {
      groups.set(text, { text, count: 1, level: line.level, first: line.at, last: line.at, example: line });
      continue;
    }
    group.count += 1;
    group.first = Math.min(group.first, line.at);
    if (line.at >= group.last) {
      group.last = line.at;
      group.example = line;
    }
    if (rank(line.level) > rank(group.level)) group.level = line.level;
  }
  return [...groups.values()].toSorted((a, b) => b.count - a.count || rank(b.level) - rank(a.level)).slice(0, most);
}
