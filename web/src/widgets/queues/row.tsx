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

function Name({ row }: { row: Row }) {
  const t = useSentence();
  const reason = row.reason ? t(`reason.${row.reason}`) : t(WORD[row.severity] ?? 'severity.unknown');
  return (
    <>
      <Mark tone={row.severity} label={reason} />
      <QueueLink source={row.source} kind={row.kind} queue={row.queue} row />
      <span className="src">{row.kind}</span>
      {row.paused ? <span className="tag">{t('state.paused')}</span> : null}
      {row.stale ? <span className="src warn">{t('row.stale')} <Unseen source={row.source} /></span> : null}
    </>
  );
}

export function drainText(t: Translate, row: Pick<Row, 'drains' | 'drain_seconds' | 'waiting' | 'reason' | 'paused'>): string {
  if (isStuck(row.reason)) return t('drain.stuck');
  if (row.waiting === 0) return t('drain.empty');
  if (row.drains === false) return t('drain.never');
  if (typeof row.drain_seconds === 'number') return duration(row.drain_seconds);
  return '–';
}

function Busy({ row }: { row: Row }) {
  const t = useSentence();
  if (typeof row.busy !== 'number' && typeof row.workers !== 'number') return <span className="dim" data-tip={t('absent.workers')}>–</span>;
  if (row.workers === 0 && !row.busy) return <span className={row.reason === 'no_workers' ? 'crit' : 'dim'}>{t('busy.none')}</span>;
  if (typeof row.capacity !== 'number') {
    const tip = typeof row.workers === 'number' ? t('busy.noCapacityTip', { busy: count(row.busy), workers: row.workers }) : t('absent.capacity');
    return <span data-tip={tip}>{t('busy.noCapacity', { busy: count(row.busy), workers: count(row.workers) })}</span>;
  }
  return <><Bar share={usedShare(row)} dead={isPoolDead(row)} />{count(row.busy)}/{count(row.capacity)}</>;
}

function SparkCell({ id, severity }: { id: string; severity: Severity }) {
  const values = useSpark(id);
  return values ? <Spark values={values} tone={severity} height={16} /> : null;
}

type Draw = (row: Row, t: Translate, id: string) => ReactNode;

const DRAW: Record<QueueColumn, Draw> = {
  name: (row) => <Name row={row} />,
  waiting: (row) => (typeof row.waiting === 'number' ? <span className={tone(row)}>{count(row.waiting)}</span> : ABSENT),
  active: (row) => count(row.active),
  scheduled: (row) => count(row.scheduled),
  retry: (row) => count(row.retry),
  failed: (row) => count(row.failed),
  oldest: (row) => (row.oldest_at ? <span className={row.severity === 'critical' ? 'crit' : ''}><Since at={row.oldest_at} /></span> : ABSENT),
  in: (row) => rate(row.in_rate),
  out: (row) => typeof row.out_rate !== 'number' ? ABSENT : <span className={isStuck(row.reason) ? 'crit' : ''}>{rate(row.out_rate)}</span>,
  net: (row) => signedRate(netRate(row)),
  drain: (row, t) => <span className={row.stale ? '' : row.drains === false || isStuck(row.reason) ? tone(row) || 'warn' : ''}>{drainText(t, row)}</span>,
  wait: (row) => duration(row.wait_p95),
  run: (row) => duration(row.run_p95),
  errors: (row) => typeof row.error_ratio !== 'number' ? ABSENT : <span className={(row.error_ratio ?? 0) >= ERROR_RATIO_WARNS ? 'warn' : ''}>{percent(row.error_ratio)}</span>,
  busy: (row) => <Busy row={row} />,
  spark: (row, _t, id) => <SparkCell id={id} severity={row.severity} />,
};

/** One queue. It listens to its own row alone, so a patch draws again only the rows that it names. */
export const QueueRow = memo(function QueueRow({ id, columns }: { id: string; columns: readonly QueueColumn[] }) {
  const t = useSentence();
  const row = useLive<Rows<Row>, Row | undefined>('queues', (doc) => doc?.rows[id]);
  if (!row) return null;
  return (
    <tr className={row.stale ? 'stale-row' : undefined}>
      {columns.map((column) => {
        const drawn = DRAW[column](row, t, id);
        return <td key={column} className={columnClass(column)} data-tip={drawn === ABSENT ? t('absent.figure') : undefined}>{drawn}</td>;
      })}
    </tr>
  );
});
