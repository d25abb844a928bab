import { Link } from '@tanstack/react-router';
import { memo, useMemo } from 'react';
import type { Rows, Worker } from '../../api/contract.ts';
import { showName } from '../../domain/queue-name.ts';
import { count, usedShare } from '../../domain/quantity.ts';
import { workerTone } from '../../domain/worker.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useNow, useTopic } from '../../live/hooks.ts';
import { clock } from '../../live/session.ts';
import { Bar, Card, Mark, Skeleton } from '../../ui/index.tsx';
import { useSteadyIds } from '../now/queue-status.tsx';
import { workerOrder } from './order.ts';
import { inHand, workerState, workerStateShort } from './state.ts';

const LoadRow = memo(function LoadRow({ id }: { id: string }) {
  const t = useSentence();
  const worker = useLive<Rows<Worker>, Worker | undefined>('workers', (doc) => doc?.rows[id]);
  const now = useNow();
  if (!worker) return null;
  const { busy, capacity } = worker;
  const tone = workerTone(worker, now);
  const known = typeof capacity === 'number' && capacity > 0;
  return (
    <li>
      <Mark tone={tone} label={workerState(t, worker, now)} />
      <Link className="q" to="/workers" search={{ q: worker.name }} preload={false}><bdi className="name">{showName(worker.name)}</bdi></Link>
      {tone === 'ok' ? <span className="src" data-tip={`${worker.kind} · ${showName(worker.source)}`}>{worker.queues.length > 0 ? worker.queues.map(showName).join(', ') : worker.kind}</span> : <span className={tone === 'unknown' ? 'unk' : 'warn'}>{workerStateShort(t, worker, now)}</span>}
      <span className="load" data-tip={known ? t('load.tip') : t('absent.capacity')}>
        <Bar share={usedShare(worker)} />
        <b>{known ? `${count(busy)}/${count(capacity)}` : inHand(t, busy)}</b>
      </span>
    </li>
  );
});

/** Who carries how much, the troubled first. */
export function WorkerLoadCard(props: { className?: string; limit: number; linked?: boolean }) {
  const t = useSentence();
  useTopic('workers');
  const rows = useLive<Rows<Worker>, Record<string, Worker> | undefined>('workers', (doc) => doc?.rows);
  const sorted = useMemo(() => Object.values(rows ?? {}).toSorted(workerOrder(clock.now())).map((worker) => worker.id), [rows]);
  const ids = useSteadyIds(sorted.slice(0, props.limit));
  const rest = sorted.length - ids.length;
  return (
    <Card className={props.className ?? ''} title={t('load.title')} small={rows ? t('load.small', { n: sorted.length }) : ''} info={t('load.info')} end={props.linked ? <Link to="/workers">{t('pool.link')}</Link> : null}>
      <ul className="loads">
        {rows ? ids.map((id) => <LoadRow key={id} id={id} />) : Array.from({ length: props.limit }, (_, i) => <li key={i}><Skeleton width="100%" /></li>)}
        {rest > 0 ? <li className="dim"><Link to="/workers">{t('load.more', { n: rest })}</Link></li> : null}
      </ul>
      {rows && sorted.length === 0 ? <p className="empty">{t('workers.none')}</p> : null}
    </Card>
  );
}
