import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Row } from '../../api/contract.ts';
import { rowOrder } from '../../domain/order.ts';
import { useSentence } from '../../i18n/index.ts';
import { useTopic } from '../../live/hooks.ts';
import { Card } from '../../ui/index.tsx';
import { COLUMNS_NOW, HeadCell, PendingRow } from '../queues/columns.tsx';
import { useQueueCount, useQueueIds } from '../queues/ids.ts';
import { QueueRow } from '../queues/row.tsx';

const SHOWN = 10;
const worst = rowOrder('worst', 'desc');
const worstOf = (rows: Record<string, Row>) => Object.entries(rows).toSorted(([, a], [, b]) => worst(a, b)).slice(0, SHOWN).map(([id]) => id);

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
  const ids = useQueueIds(worstOf);
  const all = useQueueCount();
  return (
    <Card className="s8 fill" title={t('status.title')} small={all === undefined ? '' : t('status.small', { n: all })} info={t('status.info')} end={<Link to="/queues">{t('queues.all')}</Link>}>
      <table className="queues now" data-rows="">
        <thead><tr>{COLUMNS_NOW.map((column) => <HeadCell key={column} column={column} />)}</tr></thead>
        <tbody>
          {ids ? ids.map((id) => <QueueRow key={id} id={id} columns={COLUMNS_NOW} />) : Array.from({ length: SHOWN }, (_, i) => <PendingRow key={i} columns={COLUMNS_NOW} />)}
        </tbody>
      </table>
    </Card>
  );
}
