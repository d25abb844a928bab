import type { Worker } from '../../api/contract.ts';
import { age } from '../../domain/duration.ts';
import { idleSeconds, isIdleForNoReason } from '../../domain/worker.ts';
import type { Translate } from '../../i18n/index.ts';

const idleAge = (worker: Worker, now: number): string => age(Math.floor(idleSeconds(worker, now) ?? 0));

/** The same in a list, where a line has room for a few words. */
export const workerStateShort = (t: Translate, worker: Worker, now: number): string =>
  !worker.stale && isIdleForNoReason(worker, now) ? t('worker.idleShort', { age: idleAge(worker, now) }) : workerState(t, worker, now);

/** What a worker is doing, in words. */
export function workerState(t: Translate, worker: Worker, now: number): string {
  if (worker.stale) return t('worker.stale');
  if (isIdleForNoReason(worker, now)) return t('worker.idle', { age: idleAge(worker, now) });
  return t((worker.busy ?? 0) > 0 ? 'worker.working' : 'worker.resting');
}
