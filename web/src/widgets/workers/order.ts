import type { Worker } from '../../api/contract.ts';
import { usedShare } from '../../domain/quantity.ts';
import { severityRank } from '../../domain/severity.ts';
import { workerTone } from '../../domain/worker.ts';

const isFull = (worker: Worker): boolean => (usedShare(worker) ?? 0) >= 1;

/** The troubled first, then those with every slot taken, then by name: the load moves too fast to sort by it. */
export const workerOrder = (now: number) => (a: Worker, b: Worker): number =>
  severityRank(workerTone(a, now)) - severityRank(workerTone(b, now)) || Number(isFull(b)) - Number(isFull(a)) || (a.id < b.id ? -1 : 1);
