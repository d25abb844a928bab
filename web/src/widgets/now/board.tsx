import type { NowDoc, Overview } from '../../api/contract.ts';
import { useLive } from '../../live/hooks.ts';
import { Checklist } from '../settings/checklist.tsx';
import { KpiStrip } from './kpis.tsx';
import { LatencyCard } from './latency.tsx';
import { QueueStatusCard } from './queue-status.tsx';
import { ThroughputCard } from './throughput.tsx';
import { WorkerLoadCard } from '../workers/load-card.tsx';
import { PoolCard } from '../workers/pool-card.tsx';

/** Everything at once: what waits, what flows, how long it takes, who works. */
export function NowBoard() {
  const queues = useLive<NowDoc, number | undefined>('now', (doc) => doc?.overview?.queues);
  const overview = useLive<NowDoc, Overview | undefined>('now', (doc) => doc?.overview);
  return (
    <div className="grid">
      <KpiStrip overview={overview} />
      {queues === 0 ? <Checklist className="s8" /> : <QueueStatusCard />}
      <WorkerLoadCard className="s4 fill" limit={9} linked />
      <ThroughputCard />
      <LatencyCard />
      <PoolCard className="s4" linked />
    </div>
  );
}
