import { memo, type ReactNode } from 'react';
import { timeOfDay } from '../../domain/moment.ts';
import { showName, showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { USUAL, type LineColumn } from '../../logs/columns.ts';
import type { Line } from '../../logs/line.ts';
import { levelTone } from './model.ts';
import { wordsOf } from './words.ts';

/** What a search looks for, as an expression; null where it cannot be one here (the server's are not all ours). */
export function needleOf(q: string | undefined): RegExp | null {
  if (!q) return null;
  const pattern = /^\/(.+)\/$/s.exec(q)?.[1];
  try {
    return pattern === undefined ? new RegExp(q.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'), 'gi') : new RegExp(pattern, 'g');
  } catch {
    return null;
  }
}

const LONGEST = 2_000;
const MOST_HITS = 20;

/** The message with what was looked for marked. */
function Marked({ text, needle }: { text: string; needle: RegExp | null }) {
  if (!needle) return <>{text}</>;
  const parts: ReactNode[] = [];
  let at = 0;
  for (const hit of text.matchAll(needle)) {
    if (hit[0] === '' || parts.length > 2 * MOST_HITS) break;
    parts.push(text.slice(at, hit.index), <mark key={hit.index}>{hit[0]}</mark>);
    at = hit.index + hit[0].length;
  }
  return <>{parts}{text.slice(at)}</>;
}

function Cell({ line, column }: { line: Line; column: LineColumn }) {
  const t = useSentence();
  switch (column) {
    case 'time': return <time dateTime={line.time}>{timeOfDay(line.at)}</time>;
    case 'level': return <span className="lv">{t(`logs.level.${line.level}`)}</span>;
    case 'who': return <span className="who">{showName(line.origin.instance ?? line.origin.source ?? '')}</span>;
    case 'job': return <span className="who more">{line.job ? showName(line.job) : ''}</span>;
    default: return <span className="who more">{line.origin[column] === null ? '' : showName(line.origin[column])}</span>;
  }
}

/** What a line says. Vigie's own events are told in the language on the screen, so it follows that. */
function Message({ line, needle, wrap }: { line: Line; needle: RegExp | null; wrap: boolean | undefined }) {
  useSentence();
  const message = showText(wordsOf(line).slice(0, LONGEST));
  return <Marked text={wrap ? message : message.replaceAll('\n', ' ⏎ ')} needle={needle} />;
}

/** One line, one row, unless rows wrap: what does not fit is seen when it is opened. */
export const LogRow = memo(function LogRow(props: {
  line: Line; needle: RegExp | null; open: boolean; focusable: boolean; index: number; columns?: readonly LineColumn[]; wrap?: boolean; onOpen: (line: Line) => void;
}) {
  const { line, open, wrap, columns = USUAL } = props;
  return (
    <button
      type="button" className={`log-row l-${levelTone(line.level)}${wrap ? ' wrap' : ''}`} aria-pressed={open} data-row="" data-index={props.index}
      tabIndex={props.focusable ? 0 : -1} onClick={() => props.onOpen(line)}
    >
      {columns.map((column) => <Cell key={column} line={line} column={column} />)}
      <span className="msg"><Message line={line} needle={props.needle} wrap={wrap} /></span>
    </button>
  );
});
