import type { FailedJob } from '../../api/failed.ts';
import { chartView } from '../../charts/view.ts';
import { clock } from '../../live/session.ts';

/** A job's lines begin with its last attempt, or a little before. */
const BEFORE_SECONDS = 600;
const AFTER_SECONDS = 300;

/** The stretch that has the lines of a job, where what the page looks at has not: Unix seconds for the address. */
export function linesAround(job: FailedJob): { from?: number; to?: number; range?: undefined } {
  if (!job.time) return {};
  const at = Date.parse(job.time) / 1_000;
  const from = chartView.zoom?.from ?? clock.now() / 1_000 - chartView.rangeSeconds;
  const to = chartView.zoom?.to ?? Infinity;
  const began = at - (job.run_seconds ?? 0);
  if (began > from && at < to) return {};
  return { from: Math.floor(began - BEFORE_SECONDS), to: Math.ceil(at + AFTER_SECONDS) };
}
