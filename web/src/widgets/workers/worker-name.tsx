import type { Rows, Worker } from '../../api/contract.ts';
import type { Instance } from '../../api/instances.ts';
import { calledOf } from '../../domain/instance.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive } from '../../live/hooks.ts';
import { LinesLink } from '../logs/lines-link.tsx';

/**
 * The name leads to what the worker wrote: a process signs its lines as the SDK names it, or with its host. Bull knows only an address, which
 * signs no lines: there it leads to the lines of the queue, if it is one.
 */
export function WorkerName({ worker }: { worker: Worker }) {
  const t = useSentence();
  const [queue, ...more] = worker.queues;
  const isInstance = useLive<Rows<Instance>, boolean>('instances', (doc) => Object.values(doc?.rows ?? {}).some((instance) => calledOf(instance) === worker.name));
  const host = isInstance ? worker.name : worker.kind === 'asynq' ? worker.host : null;
  const lines = host ? { instance: host } : queue !== undefined && more.length === 0 ? { queue } : null;
  const address = worker.address ? t('worker.address', { address: worker.address }) : undefined;
  const name = <bdi className="name">{showName(worker.name)}</bdi>;
  if (!lines) return <span className="q" data-row="" tabIndex={-1} data-tip={address}>{name}</span>;
  const tip = host ? t('worker.lines', { name: showName(host) }) : t('worker.queueLines', { queue: showName(queue ?? '') });
  return <LinesLink of={lines} className="q" isRow tip={[address, tip].filter(Boolean).join('\n')}>{name}</LinesLink>;
}
