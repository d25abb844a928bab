import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { QueueAddress } from '../../api/client.ts';
import type { Rows, Worker } from '../../api/contract.ts';
import { count, usedShare } from '../../domain/quantity.ts';
import { workerTone } from '../../domain/worker.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useNow, useTopic } from '../../live/hooks.ts';
import { clock } from '../../live/session.ts';
import { Bar, Card, Mark } from '../../ui/index.tsx';
import { workerOrder } from '../workers/order.ts';
import { inHand, workerState, workerStateShort } from '../workers/state.ts';
import { WorkerName } from '../workers/worker-name.tsx';

const SHOWN = 50;

/** The workers that say they consume this queue. */
export function QueueWorkersCard({ address }: { address: QueueAddress }) {
  const t = useSentence();
  useTopic('workers');
  const rows = useLive<Rows<Worker>, Record<string, Worker> | undefined>('workers', (doc) => doc?.rows);
  const { source, kind, queue } = address;
  const now = useNow();
  const workers = useMemo(
    () => Object.values(rows ?? {}).filter((w) => w.source === source && w.kind === kind && w.queues.includes(queue)).toSorted(workerOrder(clock.now())),
    [rows, source, kind, queue],
  );
  return (
    <Card className="s4 fill" title={t('queueWorkers.title')} small={rows ? t('load.small', { n: workers.length }) : ''} info={t('queueWorkers.info')} end={<Link to="/workers" search={{ q: queue }}>{t('pool.link')}</Link>}>
      <ul className="loads scroll short">
        {workers.slice(0, SHOWN).map((worker) => (
          <li key={worker.id}>
            <Mark tone={workerTone(worker, now)} label={workerState(t, worker, now)} />
            <WorkerName worker={worker} />
            {workerTone(worker, now) === 'ok' ? null : <span className="warn">{workerStateShort(t, worker, now)}</span>}
            <span className="load">
              <Bar share={usedShare(worker)} />
              {worker.capacity ? <b>{`${count(worker.busy)}/${count(worker.capacity)}`}</b> : <span data-tip={t('absent.capacity')}>{inHand(t, worker.busy)}</span>}
            </span>
          </li>
        ))}
      </ul>
      {rows && workers.length === 0 ? <p className="empty">{t('queueWorkers.none')}</p> : null}
    </Card>
  );
}
