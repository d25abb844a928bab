import type { Row, Severity } from '../api/contract.ts';

/** Worst first: what is broken, what is going to be, what cannot be seen, what is well. */
const RANK: Record<Severity, number> = { critical: 0, warning: 1, unknown: 2, ok: 3 };

export const severityRank = (severity: Severity): number => RANK[severity] ?? 2;

/** A failed share from which it is worth a colour. */
export const ERROR_RATIO_WARNS = 0.02;

/** Nothing goes on there: its workers consume nothing, or its running jobs do not end. */
export const isStuck = (reason: Row['reason'] | undefined): boolean =>
  reason === 'stuck_workers_idle' || reason === 'stuck_jobs_hang';

/** Nobody consumes there, whatever the slots say. */
export const isPoolDead = (row: Pick<Row, 'reason' | 'capacity'>): boolean =>
  isStuck(row.reason) || row.reason === 'no_workers' || (row.capacity === 0 && Boolean(row.reason));
