import type { Severity, Worker } from '../api/contract.ts';
import { secondsSince } from './duration.ts';

/** A worker may rest a moment between two jobs; longer than this while jobs wait is worth a word. */
const IDLE_WARNS_SECONDS = 5;

type Idle = Pick<Worker, 'idle_since' | 'idle_seconds'>;

/** For how long it has consumed nothing although jobs wait; null when that is not so. */
export const idleSeconds = (worker: Idle, now: number): number | null => secondsSince(worker.idle_since, now) ?? worker.idle_seconds ?? null;

export const isIdleForNoReason = (worker: Idle, now: number): boolean => (idleSeconds(worker, now) ?? 0) >= IDLE_WARNS_SECONDS;

export function workerTone(worker: Idle & Pick<Worker, 'stale'>, now: number): Severity {
  if (worker.stale) return 'unknown';
  return isIdleForNoReason(worker, now) ? 'warning' : 'ok';
}
