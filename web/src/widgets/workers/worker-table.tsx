import { memo, useState } from 'react';
import type { Maybe, Rows, Worker } from '../../api/contract.ts';
import type { Instance } from '../../api/instances.ts';
import { age, secondsSince } from '../../domain/duration.ts';
import { fullMoment } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { count, usedShare } from '../../domain/quantity.ts';
import { versionOf } from '../../domain/instance.ts';
import { workerTone } from '../../domain/worker.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { useLive, useNow, useTopic } from '../../live/hooks.ts';
import { Bar, Mark, ScrollX } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { QueueLink } from '../queue-link.tsx';
import { inHand, workerState } from './state.ts';
import { WorkerName } from './worker-name.tsx';

const HEADS: readonly [label: MessageId, tip: MessageId, className: string][] = [
  ['worker.col.name', 'worker.col.nameTip', 'w-worker'],
  ['worker.col.state', 'worker.col.stateTip', 'l w-state'],
  ['worker.col.host', 'worker.col.hostTip', 'l ph w-host'],
  ['worker.col.pid', 'worker.col.pidTip', 'ph w-pid'],
  ['worker.col.queues', 'worker.col.queuesTip', 'l ph w-queues'],
  ['worker.col.busy', 'worker.col.busyTip', 'l w-load'],
  ['worker.col.jobs', 'worker.col.jobsTip', 'l ph w-jobs'],
  ['worker.col.version', 'worker.col.versionTip', 'l ph w-version'],
  ['worker.col.heartbeat', 'worker.col.heartbeatTip', 'ph w-beat'],
];
const JOBS_SHOWN = 1;

export function SinceCell({ at }: { at: Maybe<string> }) {
  const now = useNow();
  return at ? <span data-tip={fullMoment(at)}>{age(secondsSince(at, now))}</span> : <>–</>;
}

const JobName = ({ job }: { job: { id: string; type?: Maybe<string> } }) => <bdi className="name">{showName(job.type || job.id)}</bdi>;

function Jobs({ worker }: { worker: Worker }) {
  const t = useSentence();
  const [open, setOpen] = useState(false);
  if (!worker.jobs) return <span data-tip={t('absent.jobs')}>–</span>;
  if (worker.jobs.length === 0 && (worker.busy ?? 0) > 0) return <span data-tip={t('absent.jobsYet')}>–</span>;
  if (worker.jobs.length === 0) return <span className="dim">{t('worker.noJob')}</span>;
  const shown = open ? worker.jobs : worker.jobs.slice(0, JOBS_SHOWN);
  const rest = worker.jobs.length - shown.length;
  return (
    <span className={open ? 'jobs open' : 'jobs'}>
      {shown.map((job) => (
        <span key={`${job.queue} ${job.id}`} className="job">
          <LinesLink of={{ queue: job.queue, job: job.id }} tip={t('lines.ofJob', { id: showName(job.id) })}><JobName job={job} /></LinesLink> <b><SinceCell at={job.since} /></b>
        </span>
      ))}
      {rest > 0 || open ? <button type="button" className="btn quiet" onClick={() => setOpen(!open)}>{open ? t('action.less') : t('worker.moreJobs', { n: rest })}</button> : null}
    </span>
  );
}

function Queues({ worker }: { worker: Worker }) {
  return (
    <>
      {worker.queues.slice(0, 3).map((queue, i) => (
        <span key={queue}>{i > 0 ? ', ' : ''}<QueueLink source={worker.source} kind={worker.kind} queue={queue} className="" /></span>
      ))}
      {worker.queues.length > 3 ? <span className="dim" data-tip={worker.queues.slice(3, 40).map(showName).join('\n')}> +{worker.queues.length - 3}</span> : null}
    </>
  );
}

function Load({ worker }: { worker: Worker }) {
  const t = useSentence();
  const { busy, capacity } = worker;
  if (typeof capacity !== 'number') return <span data-tip={t('absent.capacity')}>{inHand(t, busy)}</span>;
  return <><Bar share={usedShare(worker)} />{count(busy)}/{count(capacity)}</>;
}

/** What the process of this host runs, as its instance tells it. */
function Version({ host, name }: { host: string | null; name: string }) {
  const t = useSentence();
  const version = useLive<Rows<Instance>, string | null>('instances', (doc) => versionOf(Object.values(doc?.rows ?? {}), [host, name]));
  return version === null ? <span data-tip={t('absent.version')}>–</span> : <>{showName(version)}</>;
}

const WorkerRow = memo(function WorkerRow({ id }: { id: string }) {
  const t = useSentence();
  const worker = useLive<Rows<Worker>, Worker | undefined>('workers', (doc) => doc?.rows[id]);
  const now = useNow();
  if (!worker) return null;
  const tone = workerTone(worker, now);
  return (
    <tr className={worker.stale ? 'stale-row' : undefined}>
      <td className="cut">
        <Mark tone={tone} label={workerState(t, worker, now)} />
        <WorkerName worker={worker} />
        <span className="src">{worker.kind} · {showName(worker.source)}</span>
        <span className="phone-word src">{worker.queues.map(showName).join(', ')}</span>
      </td>
      <td className={`l cut ${tone === 'warning' ? 'warn' : tone === 'unknown' ? 'unk' : ''}`}>{workerState(t, worker, now)}</td>
      <td className="l ph cut">{worker.host ? showName(worker.host) : <span data-tip={t('absent.host')}>–</span>}</td>
      <td className="ph">{worker.pid ?? <span data-tip={t('absent.host')}>–</span>}</td>
      <td className="l ph cut"><Queues worker={worker} /></td>
      <td className="l"><Load worker={worker} /></td>
      <td className="l ph cut"><Jobs worker={worker} /></td>
      <td className="l ph cut"><Version host={worker.host ?? null} name={worker.name} /></td>
      <td className="ph">{worker.heartbeat ? <SinceCell at={worker.heartbeat} /> : <span data-tip={t('absent.heartbeat')}>–</span>}</td>
    </tr>
  );
});

export function WorkerTable({ ids }: { ids: string[] }) {
  const t = useSentence();
  useTopic('instances');
  return (
    <ScrollX label={t('workers.small')}>
      <table className="workers" data-rows="">
        <thead><tr>{HEADS.map(([label, tip, className]) => <th key={label} scope="col" className={className}><button type="button" data-tip={t(tip)}>{t(label)}</button></th>)}</tr></thead>
        <tbody>{ids.map((id) => <WorkerRow key={id} id={id} />)}</tbody>
      </table>
    </ScrollX>
  );
}
