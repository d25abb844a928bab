import { memo, type ReactNode } from 'react';
import { timeOfDay } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import type { Line } from '../../logs/line.ts';
import { levelTone } from './model.ts';

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
export function Marked({ text, needle }: { text: string; needle: RegExp | null }) {
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

/** One line, one row: what does not fit is seen when it is opened. */
export const LogRow = memo(function LogRow(props: { line: Line; needle: RegExp | null; open: boolean; focusable: boolean; index: number; onOpen: (line: Line) => void }) {
  const t = useSentence();
  const { line, open } = props;
  const who = line.origin.instance ?? line.origin.source ?? '';
  return (
    <button
      type="button" className={`log-row l-${levelTone(line.level)}`} aria-pressed={open} data-row="" data-index={props.index}
      tabIndex={props.focusable ? 0 : -1} onClick={() => props.onOpen(line)}
    >
      <time dateTime={line.time}>{timeOfDay(line.at)}</time>
      <span className="lv">{t(`logs.level.${line.level}`)}</span>
      <span className="who">{showName(who)}</span>
      <span className="msg"><Marked text={line.message.slice(0, LONGEST).replaceAll('\n', ' ⏎ ')} needle={props.needle} /></span>
    </button>
  );
});
