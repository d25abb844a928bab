import type { Maybe, Worker } from '../../api/contract.ts';
import { age } from '../../domain/duration.ts';
import { ABSENT, count } from '../../domain/quantity.ts';
import { idleSeconds, isIdleForNoReason } from '../../domain/worker.ts';
import type { Translate } from '../../i18n/index.ts';

const idleAge = (worker: Worker, now: number): string => age(Math.floor(idleSeconds(worker, now) ?? 0));

/** Jobs in hand where the broker tells no slots; it may not tell those either. */
export const inHand = (t: Translate, busy: Maybe<number>): string => (typeof busy === 'number' ? t('load.busy', { n: count(busy) }) : ABSENT);

/** The same in a list, where a line has room for a few words. */
export const workerStateShort = (t: Translate, worker: Worker, now: number): string =>
  !worker.stale && isIdleForNoReason(worker, now) ? t('worker.idleShort', { age: idleAge(worker, now) }) : workerState(t, worker, now);

/** What a worker is doing, in words. */
export function workerState(t: Translate, worker: Worker, now: number): string {
  if (worker.stale) return t('worker.stale');
  if (isIdleForNoReason(worker, now)) return t('worker.idle', { age: idleAge(worker, now) });
  if (typeof worker.busy !== 'number') return t('worker.alive');
  return t(worker.busy > 0 ? 'worker.working' : 'worker.resting');
}
