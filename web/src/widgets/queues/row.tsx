import { memo, type ReactNode } from 'react';
import type { Row, Rows, Severity, Source } from '../../api/contract.ts';
import { age, duration, secondsSince } from '../../domain/duration.ts';
import { netRate } from '../../domain/order.ts';
import { ABSENT, count, percent, rate, signedRate, usedShare } from '../../domain/quantity.ts';
import { ERROR_RATIO_WARNS, isPoolDead, isStuck } from '../../domain/severity.ts';
import { useSentence, type MessageId, type Translate } from '../../i18n/index.ts';
import { useLive, useNow } from '../../live/hooks.ts';
import { Bar, Mark, Spark } from '../../ui/index.tsx';
import { QueueLink } from '../queue-link.tsx';
import { columnClass, type QueueColumn } from './columns.tsx';
import { useSpark } from './sparks.ts';

const WORD: Record<Severity, MessageId> = {
  ok: 'severity.ok', warning: 'severity.warning', critical: 'severity.critical', unknown: 'severity.unknown',
};
const tone = (row: Row): string => ({ critical: 'crit', warning: 'warn', ok: '', unknown: '' })[row.severity] ?? '';

/** Ages tick by themselves: only this much is drawn each second. */
function Since({ at }: { at: string }) {
  return <>{age(secondsSince(at, useNow()))}</>;
}

/** How long the source of a stale row has been silent. */
function Unseen({ source }: { source: string }) {
  const seen = useLive<Rows<Source>, string | null | undefined>('sources', (doc) => doc?.rows[source]?.seen);
  return seen ? <Since at={seen} /> : null;
}

/*
 * A cell each: it is drawn again only when what it shows changed. The figures of a row move each second, most of the rest does not.
 */

const NameCell = memo(function NameCell(row: Pick<Row, 'source' | 'kind' | 'queue' | 'severity' | 'reason' | 'paused' | 'stale'>) {
  const t = useSentence();
  const reason = row.reason ? t(`reason.${row.reason}`) : t(WORD[row.severity] ?? 'severity.unknown');
  return (
    <td className={columnClass('name')}>
      <div className="named">
        <Mark tone={row.severity} label={reason} />
        <QueueLink source={row.source} kind={row.kind} queue={row.queue} row />
        <span className="src">{row.kind}</span>
        {row.paused ? <span className="tag">{t('state.paused')}</span> : null}
        {row.stale ? <span className="src warn">{t('row.stale')} <Unseen source={row.source} /></span> : null}
      </div>
    </td>
  );
});

export function drainText(t: Translate, row: Pick<Row, 'drains' | 'drain_seconds' | 'waiting' | 'reason' | 'paused'>): string {
  if (isStuck(row.reason)) return t('drain.stuck');
  if (row.waiting === 0) return t('drain.empty');
  if (row.drains === false) return t('drain.never');
  if (typeof row.drain_seconds === 'number') return duration(row.drain_seconds);
  return '–';
}

function Busy({ row }: { row: Pick<Row, 'busy' | 'workers' | 'capacity' | 'reason'> }) {
  const t = useSentence();
  if (typeof row.busy !== 'number' && typeof row.workers !== 'number') return <span className="dim" data-tip={t('absent.workers')}>–</span>;
  if (row.workers === 0 && !row.busy) return <span className={row.reason === 'no_workers' ? 'crit' : 'dim'}>{t('busy.none')}</span>;
  if (typeof row.capacity !== 'number') {
    const tip = typeof row.workers === 'number' ? t('busy.noCapacityTip', { busy: count(row.busy), workers: row.workers }) : t('absent.capacity');
    return <span data-tip={tip}>{t('busy.noCapacity', { busy: count(row.busy), workers: count(row.workers) })}</span>;
  }
  return <><Bar share={usedShare(row)} dead={isPoolDead(row)} />{count(row.busy)}/{count(row.capacity)}</>;
}

const BusyCell = memo((row: Pick<Row, 'busy' | 'workers' | 'capacity' | 'reason'>) => <td className={columnClass('busy')}><Busy row={row} /></td>);

const SparkCell = memo(function SparkCell({ id, severity }: { id: string; severity: Severity }) {
  const values = useSpark(id);
  return <td className={columnClass('spark')}>{values ? <Spark values={values} tone={severity} height={16} /> : null}</td>;
});

const FigureCell = memo(function FigureCell(props: { column: QueueColumn; text: string; tone?: string; absent: string }) {
  return (
    <td className={columnClass(props.column)} data-tip={props.text === ABSENT ? props.absent : undefined}>
      {props.tone ? <span className={props.tone}>{props.text}</span> : props.text}
    </td>
  );
});

const OldestCell = memo(({ at, severity }: { at: string; severity: Severity }) => (
  <td className={columnClass('oldest')}><span className={severity === 'critical' ? 'crit' : ''}><Since at={at} /></span></td>
));

/** What a cell says, and in which tone. */
type Said = [text: string, tone?: string];

const SAY: Record<Exclude<QueueColumn, 'name' | 'oldest' | 'busy' | 'spark'>, (row: Row, t: Translate) => Said> = {
  waiting: (row) => [count(row.waiting), tone(row)],
  active: (row) => [count(row.active)],
  scheduled: (row) => [count(row.scheduled)],
  retry: (row) => [count(row.retry)],
  failed: (row) => [count(row.failed)],
  in: (row) => [rate(row.in_rate)],
  out: (row) => [rate(row.out_rate), isStuck(row.reason) ? 'crit' : ''],
  net: (row) => [signedRate(netRate(row))],
  drain: (row, t) => [drainText(t, row), !row.stale && (row.drains === false || isStuck(row.reason)) ? tone(row) || 'warn' : ''],
  wait: (row) => [duration(row.wait_p95)],
  run: (row) => [duration(row.run_p95)],
  errors: (row) => [percent(row.error_ratio), (row.error_ratio ?? 0) >= ERROR_RATIO_WARNS ? 'warn' : ''],
};

function drawCell(column: QueueColumn, row: Row, id: string, t: Translate): ReactNode {
  const { source, kind, queue, severity, reason, paused, stale, busy, workers, capacity } = row;
  if (column === 'name') return <NameCell key={column} source={source} kind={kind} queue={queue} severity={severity} reason={reason} paused={paused} stale={stale} />;
  if (column === 'busy') return <BusyCell key={column} busy={busy} workers={workers} capacity={capacity} reason={reason} />;
  if (column === 'spark') return <SparkCell key={column} id={id} severity={severity} />;
  if (column === 'oldest' && row.oldest_at) return <OldestCell key={column} at={row.oldest_at} severity={severity} />;
  const [text, own = ''] = column === 'oldest' ? [ABSENT] : SAY[column](row, t);
  return <FigureCell key={column} column={column} text={text} tone={text === ABSENT ? '' : own} absent={t('absent.figure')} />;
}

/** One queue. It listens to its own row alone, so a patch draws again only the rows that it names. */
export const QueueRow = memo(function QueueRow({ id, columns }: { id: string; columns: readonly QueueColumn[] }) {
  const t = useSentence();
  const row = useLive<Rows<Row>, Row | undefined>('queues', (doc) => doc?.rows[id]);
  if (!row) return null;
  return <tr className={row.stale ? 'stale-row' : undefined}>{columns.map((column) => drawCell(column, row, id, t))}</tr>;
});
