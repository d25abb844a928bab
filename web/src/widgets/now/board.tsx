import { lazy, Suspense } from 'react';
import type { NowDoc, Overview } from '../../api/contract.ts';
import { useLive } from '../../live/hooks.ts';
import { speak } from '../../i18n/index.ts';
import { KpiStrip } from './kpis.tsx';
import { LatencyCard } from './latency.tsx';
import { QueueStatusCard } from './queue-status.tsx';
import { ThroughputCard } from './throughput.tsx';
import { WorkerLoadCard } from '../workers/load-card.tsx';
import { PoolCard } from '../workers/pool-card.tsx';

/** Of use on the first run only, so it comes only then. */
const Checklist = lazy(async () => {
  const [{ Checklist: default_ }] = await Promise.all([import('../settings/checklist.tsx'), speak('settings')]);
  return { default: default_ };
});

const HealthCard = lazy(async () => {
  const [{ HealthCard: default_ }] = await Promise.all([import('../instances/health-card.tsx'), speak('cards')]);
  return { default: default_ };
});
const LogsCard = lazy(async () => {
  const [{ LogsCard: default_ }] = await Promise.all([import('../logs/card.tsx'), speak('cards')]);
  return { default: default_ };
});

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
      <Suspense fallback={null}>
        <HealthCard />
        <LogsCard />
      </Suspense>
    </div>
  );
}
