import { Link } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Row, Rows } from '../../api/contract.ts';
import { rowOrder } from '../../domain/order.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Card, Skeleton } from '../../ui/index.tsx';
import { COLUMNS_NOW, HeadCell, ON_PHONE } from '../queues/columns.tsx';
import { QueueRow } from '../queues/row.tsx';

const SHOWN = 10;
const worst = rowOrder('worst', 'desc');

/** The ids in order; the very same array as long as the order is the same. */
export function useSteadyIds(next: string[]): string[] {
  const [kept, keep] = useState(next);
  const same = kept.length === next.length && kept.every((id, i) => id === next[i]);
  if (!same) keep(next);
  return same ? kept : next;
}

/** The worst queues of all, each with the way to its page. */
export function QueueStatusCard() {
  const t = useSentence();
  useTopic('queues');
  const rows = useLive<Rows<Row>, Record<string, Row> | undefined>('queues', (doc) => doc?.rows);
  const sorted = useMemo(() => Object.entries(rows ?? {}).toSorted(([, a], [, b]) => worst(a, b)).slice(0, SHOWN).map(([id]) => id), [rows]);
  const ids = useSteadyIds(sorted);
  const all = Object.keys(rows ?? {}).length;
  return (
    <Card className="s8 fill" title={t('status.title')} small={rows ? t('status.small', { n: all }) : ''} info={t('status.info')} end={<Link to="/queues">{t('queues.all')}</Link>}>
      <table className="queues now" data-rows="">
        <thead><tr>{COLUMNS_NOW.map((column) => <HeadCell key={column} column={column} />)}</tr></thead>
        <tbody>
          {rows ? ids.map((id) => <QueueRow key={id} id={id} columns={COLUMNS_NOW} />) : Array.from({ length: 8 }, (_, i) => (
            <tr key={i}><td colSpan={ON_PHONE.length}><Skeleton width="100%" /></td></tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
