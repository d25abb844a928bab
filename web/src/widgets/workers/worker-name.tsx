import type { Worker } from '../../api/contract.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { LinesLink } from '../logs/lines-link.tsx';

/**
 * The name leads to what the worker wrote: the server knows what it signs its lines with. Bull knows only an address, which
 * signs no lines: there it leads to the lines of the queue, if it is one.
 */
export function WorkerName({ worker }: { worker: Worker }) {
  const t = useSentence();
  const [queue, ...more] = worker.queues;
  const { instance } = worker;
  const lines = instance ? { instance } : queue !== undefined && more.length === 0 ? { queue } : null;
  const address = worker.address ? t('worker.address', { address: worker.address }) : undefined;
  const name = <bdi className="name">{showName(worker.name)}</bdi>;
  if (!lines) return <span className="q" data-row="" tabIndex={-1} data-tip={address}>{name}</span>;
  const tip = instance ? t('worker.lines', { name: showName(instance) }) : t('worker.queueLines', { queue: showName(queue ?? '') });
  return <LinesLink of={lines} className="q" isRow tip={[address, tip].filter(Boolean).join('\n')}>{name}</LinesLink>;
}
