import { lazy, Suspense } from 'react';
import type { NowDoc, Overview } from '../../api/contract.ts';
import { useLive } from '../../live/hooks.ts';
import { withWords } from '../../i18n/index.ts';
import { KpiStrip } from './kpis.tsx';
import { LatencyCard } from './latency.tsx';
import { QueueStatusCard } from './queue-status.tsx';
import { ThroughputCard } from './throughput.tsx';
import { WorkerLoadCard } from '../workers/load-card.tsx';
import { PoolCard } from '../workers/pool-card.tsx';

/** Of use on the first run only, so it comes only then. */
const Checklist = lazy(async () => ({ default: (await withWords(['settings'], import('../settings/checklist.tsx'))).Checklist }));

const HealthCard = lazy(async () => ({ default: (await withWords(['cards'], import('../instances/health-card.tsx'))).HealthCard }));
const LogsCard = lazy(async () => ({ default: (await withWords(['cards'], import('../logs/card.tsx'))).LogsCard }));

/** Everything at once: what waits, what flows, how long it takes, who works. */
export function NowBoard() {
  const queues = useLive<NowDoc, number | undefined>('now', (doc) => doc?.overview?.queues);
  const overview = useLive<NowDoc, Overview | undefined>('now', (doc) => doc?.overview);
  return (
    <div className="grid">
      <KpiStrip overview={overview} />
      {queues === 0 ? <Suspense fallback={<div className="card s8" />}><Checklist className="s8" /></Suspense> : <QueueStatusCard />}
      <WorkerLoadCard className="s4 fill" limit={9} linked />
      <ThroughputCard />
      <LatencyCard />
      <PoolCard className="s4" linked />
      <Suspense fallback={<><div className="card s5 pending" /><div className="card s7 pending" /></>}>
        <HealthCard />
        <LogsCard />
      </Suspense>
    </div>
  );
}
