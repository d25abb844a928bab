import { useMemo } from 'react';
import type { Rows, Worker } from '../../api/contract.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { clock } from '../../live/session.ts';
import { Card, Skeleton } from '../../ui/index.tsx';
import { useSteadyIds } from '../now/queue-status.tsx';
import { WorkerLoadCard } from './load-card.tsx';
import { LoadMapCard } from './load-map.tsx';
import { workerOrder } from './order.ts';
import { PoolCard } from './pool-card.tsx';
import { WorkerTable } from './worker-table.tsx';

const hits = (worker: Worker, filter: string): boolean => {
  const text = [worker.name, worker.host, worker.source, worker.kind, ...worker.queues].join(' ').toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};

/** Who works: scaling over time, the load of each, and what each has in hand. */
export function WorkersBoard(props: { filter: string; onFilter: (filter: string) => void }) {
  const t = useSentence();
  useTopic('workers');
  const rows = useLive<Rows<Worker>, Record<string, Worker> | undefined>('workers', (doc) => doc?.rows);
  const sorted = useMemo(
    () => {
      const order = workerOrder(clock.now());
      return Object.entries(rows ?? {}).filter(([, worker]) => hits(worker, props.filter.trim()))
      .toSorted(([, a], [, b]) => order(a, b)).map(([id]) => id);
    },
    [rows, props.filter],
  );
  const ids = useSteadyIds(sorted);
  const all = Object.keys(rows ?? {}).length;
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('nav.workers')}</h1>
        <input className="field" type="search" data-filter="" aria-label={t('workers.filter')} placeholder={t('workers.filter')} value={props.filter} onChange={(event) => props.onFilter(event.target.value)} />
        <span className="dim end" aria-live="polite">{rows ? t('workers.shown', { shown: ids.length, all }) : ''}</span>
      </div>
      <PoolCard className="s8" />
      <WorkerLoadCard className="s4 fill" limit={6} />
      <LoadMapCard />
      <Card className="s12" title={t('workers.title')} small={t('workers.small')} info={t('workers.info')}>
        {rows ? <WorkerTable ids={ids} /> : <div className="note"><Skeleton width="100%" /></div>}
        {rows && ids.length === 0 ? <p className="empty">{t(all === 0 ? 'workers.none' : 'workers.noMatch')}</p> : null}
      </Card>
    </div>
  );
}
