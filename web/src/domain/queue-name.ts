/** Characters that would not be seen, or would turn the text around: they are shown by their code. */
// oxlint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

const SHORT: Record<string, string> = { '\n': '⏎', '\r': '␍', '\t': '⇥' };
const LONGEST = 120;

const shown = (text: string): string => text.replace(UNSEEN, (char) => SHORT[char] ?? `‹U+${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}›`);

/** A text of several lines as it may be put on the screen: nothing in it can hide or reorder its surroundings. Its length is its owner's business. */
export const showText = (text: string): string => text.replaceAll('\r\n', '\n').split('\n').map(shown).join('\n');

/** A name as it may be put on the screen: nothing in it can hide, reorder its surroundings or fill the page. */
export function showName(name: string): string {
  if (name === '') return '∅';
  const seen = shown(name);
  const points = Array.from(seen.length > LONGEST * 2 ? seen.slice(0, LONGEST * 2) : seen);
  return points.length > LONGEST || seen.length > LONGEST * 2 ? `${points.slice(0, LONGEST - 1).join('')}…` : seen;
}

/** The name in the stream of a queue's topic. */
export const queueTopic = (source: string, kind: string, queue: string): string =>
  `queue:${[source, kind, queue].map(encodeURIComponent).join('/')}`;
