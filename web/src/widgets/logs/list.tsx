import { type CSSProperties, useCallback, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { inWords } from '../../domain/server-words.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { usePaused } from '../../live/hooks.ts';
import { columnTracks, type LineColumn } from '../../logs/columns.ts';
import { faultWords } from '../../logs/fault.ts';
import { lineId, type Line } from '../../logs/line.ts';
import type { LogTail } from '../../logs/tail.ts';
import { Fault, Skeleton } from '../../ui/index.tsx';
import { LogRow, needleOf } from './row.tsx';

const ROW = 24;
const AROUND = 12;
/** So close to an end counts as there. */
const NEAR = 40;
/** Rows that wrap are in the page whether in sight or not, so there are fewer. */
const WRAPPED = 500;

/** Which rows are in sight, and whether the end is; keeps what one looks at in its place when lines come above. */
function useSight(tail: LogTail, version: number, isFrozen: boolean, wrap: boolean) {
  const box = useRef<HTMLDivElement>(null);
  const [sight, setSight] = useState({ first: 0, last: 60, slots: 60 });
  const [follows, setFollows] = useState(true);
  const [seen, setSeen] = useState(0);
  /** Where rows that wrap begin while one reads, counted from the first line ever. */
  const [begin, setBegin] = useState(0);
  // The first line, and how many were let go, as of the last look.
  const head = useRef<{ line: Line | undefined; dropped: number }>({ line: undefined, dropped: 0 });
  const look = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const first = Math.max(0, Math.floor(element.scrollTop / ROW) - AROUND);
    const last = Math.ceil((element.scrollTop + element.clientHeight) / ROW) + AROUND;
    // As many as there ever are in a box so high: each row of the page is used again for the line that takes its place.
    const slots = Math.ceil(element.clientHeight / ROW) + 2 * AROUND + 1;
    setSight((old) => (old.first === first && old.last === last && old.slots === slots ? old : { first, last, slots }));
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { lines, dropped } = tail.buffer;
    const before = head.current;
    // Rows of any height are kept in their place by the browser.
    if (!wrap && before.line !== undefined && lines[0] !== before.line) {
      const above = lines.indexOf(before.line);
      element.scrollTop += (above > 0 ? above : before.dropped - dropped) * ROW;
    }
    head.current = { line: lines[0], dropped };
    if (follows && !isFrozen) element.scrollTop = element.scrollHeight;
    look();
    // oxlint-disable-next-line react/exhaustive-deps, react/exhaustive-effect-dependencies -- the version stands for the lines
  }, [tail, version, follows, isFrozen, wrap, look]);
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
    if (isAtEnd !== follows) {
      setFollows(isAtEnd);
      setSeen(tail.buffer.dropped + tail.buffer.lines.length);
      setBegin(Math.max(0, tail.buffer.dropped + tail.buffer.lines.length - WRAPPED));
    }
    const hidden = wrap ? begin - tail.buffer.dropped : 0;
    if (element.scrollTop < NEAR && !isAtEnd && hidden > 0) setBegin(Math.max(0, begin - WRAPPED));
    else if (element.scrollTop < NEAR && !isAtEnd && tail.hasOlder) void tail.older();
    look();
  };
  const { lines: all, dropped: gone } = tail.buffer;
  const wrapped = { first: Math.max(0, follows ? all.length - WRAPPED : begin - gone), last: all.length, slots: Number.MAX_SAFE_INTEGER };
  const news = follows ? 0 : Math.max(0, tail.buffer.dropped + tail.buffer.lines.length - seen);
  return { box, sight: wrap ? wrapped : sight, follows, news, scrolled, follow: () => setFollows(true) };
}

export const HEADS: Record<LineColumn, MessageId> = {
  time: 'logs.time', level: 'logs.facet.level', who: 'logs.who', source: 'logs.facet.source', type: 'logs.facet.type', queue: 'logs.facet.queue', job: 'logs.facet.job',
};
/** What a phone has no room for. */
const HEAD_CLASS: Record<LineColumn, string> = { time: '', level: 'lv', who: 'who', source: 'who more', type: 'who more', queue: 'who more', job: 'who more' };

function Foot(props: { tail: LogTail; live: boolean; isFrozen: boolean; follows: boolean; news: number; onFollow: () => void }) {
  const t = useSentence();
  const { tail, isFrozen, follows, news } = props;
  const { lines, dropped } = tail.buffer;
  return (
    <div className="log-foot">
      <span>{tail.state === 'ready' ? t('logs.count', { n: lines.length }) : ''}{dropped > 0 ? ` · ${t('logs.droppedLines', { n: dropped })}` : ''}</span>
      {tail.hasOlder ? <button type="button" className="btn quiet" disabled={tail.isLoadingOlder} onClick={() => void tail.older()}>{t('logs.older')}</button> : null}
      <span className="end">
        {isFrozen ? <span className="dim">{t('logs.paused')}</span> : null}
        {props.live && !isFrozen && follows && tail.state === 'ready' ? <span className="dim">{t('logs.following')}</span> : null}
        {follows ? null : <button type="button" className="btn" onClick={props.onFollow}>{news > 0 ? t('logs.newLines', { n: news }) : t('logs.follow')}</button>}
      </span>
    </div>
  );
}

/** Only the rows in sight are in the page. At the end it follows what comes; scrolled up, it stands still. */
export function LogList(props: { tail: LogTail; q: string | undefined; open: string | null; live: boolean; columns: readonly LineColumn[]; wrap: boolean; onOpen: (line: Line) => void }) {
  const t = useSentence();
  const { tail, onOpen, live, columns, wrap } = props;
  const version = useSyncExternalStore(tail.watch, tail.read);
  const isFrozen = usePaused();
  const { box, sight, follows, news, scrolled, follow } = useSight(tail, version, isFrozen, wrap);
  const { lines, dropped } = tail.buffer;
  const needle = useMemo(() => needleOf(props.q), [props.q]);
  const shown = lines.slice(sight.first, sight.last);
  return (
    <div className="log-pane" style={{ '--cols': columnTracks(columns) } as CSSProperties}>
      {tail.error && tail.state === 'ready' ? <Fault text={t('logs.stale', { reason: inWords(tail.error) })} retry={t('action.retry')} onRetry={tail.reload} /> : null}
      {tail.state === 'failed' ? <Fault text={faultWords(t, inWords(tail.error ?? ''))} retry={t('action.retry')} onRetry={tail.reload} /> : null}
      {tail.skipped ? <p className="note warn">{tail.skippedLines > 0 ? t('logs.skippedLines', { n: tail.skippedLines }) : t('logs.skipped')}</p> : null}
      {tail.unreadable > 0 ? <p className="note warn">{t('logs.unreadable', { n: tail.unreadable })}</p> : null}
      <div className="log-row log-head" aria-hidden="true">{columns.map((column) => <span key={column} className={HEAD_CLASS[column]}>{t(HEADS[column])}</span>)}<span>{t('logs.message')}</span></div>
      {/* A region that scrolls has to be reachable without a mouse. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={wrap ? 'log-list wraps' : 'log-list'} ref={box} onScroll={scrolled} role="region" aria-label={t('logs.list')} tabIndex={0}>
        {tail.state === 'loading' ? Array.from({ length: 10 }, (_, i) => <div key={i} className="log-row"><Skeleton width="100%" /><Skeleton width="100%" /><Skeleton width="100%" /><Skeleton width={`${40 + ((i * 23) % 50)}%`} /></div>) : null}
        <div style={wrap ? undefined : { height: lines.length * ROW, position: 'relative' }}>
          <div style={wrap ? undefined : { transform: `translateY(${sight.first * ROW}px)` }}>
            {shown.map((line, i) => (
              // oxlint-disable-next-line react/no-array-index-key -- a line is its place, and alike lines stand beside one another
              <LogRow key={(dropped + sight.first + i) % sight.slots} line={line} needle={needle} index={sight.first + i} focusable={false} columns={columns} wrap={wrap} open={props.open !== null && props.open === lineId(line)} onOpen={onOpen} />
            ))}
          </div>
        </div>
        {tail.state === 'ready' && lines.length === 0 ? <p className="empty">{t('logs.none')}</p> : null}
      </div>
      <Foot tail={tail} live={live} isFrozen={isFrozen} follows={follows} news={news} onFollow={follow} />
    </div>
  );
}
