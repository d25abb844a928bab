import type { Worker } from '../../api/contract.ts';
import { severityRank } from '../../domain/severity.ts';
import { workerTone } from '../../domain/worker.ts';

const share = (worker: Worker): number => (worker.capacity ? (worker.busy ?? 0) / worker.capacity : 0);

/** The troubled first, then those with every slot taken, then by name: the load moves too fast to sort by it. */
export const workerOrder = (now: number) => (a: Worker, b: Worker): number =>
  severityRank(workerTone(a, now)) - severityRank(workerTone(b, now)) || Number(share(b) >= 1) - Number(share(a) >= 1) || (a.id < b.id ? -1 : 1);
