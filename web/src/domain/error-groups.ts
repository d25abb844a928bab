import type { FailedJob } from '../api/failed.ts';
import { shapeOf } from '../logs/patterns.ts';

/** Failed jobs whose errors say the same but for figures, ids, addresses and quoted names. */
export interface ErrorGroup {
  /** What they say; null: nothing is kept of their errors. */
  text: string | null;
  count: number;
  /** How many of them failed for good. */
  forGood: number;
  /** Their types, the most frequent first. */
  types: string[];
  /** The newest of them. */
  example: FailedJob;
}

const timeOf = (job: FailedJob): number => (job.time ? Date.parse(job.time) : -Infinity);

function groupOf(text: string | null, jobs: readonly FailedJob[]): ErrorGroup {
  const newest = jobs.toSorted((a, b) => timeOf(b) - timeOf(a));
  const types = new Map<string, number>();
  for (const { type } of newest) if (type) types.set(type, (types.get(type) ?? 0) + 1);
  return {
    text, count: jobs.length, forGood: jobs.filter(({ state }) => state === 'failed').length,
    types: [...types].toSorted(([, a], [, b]) => b - a).map(([type]) => type),
    example: newest[0] as FailedJob,
  };
}

/** The groups, the largest first, of the same size that with the newest failure. */
export function errorGroups(jobs: readonly FailedJob[]): ErrorGroup[] {
  const groups = Map.groupBy(jobs, ({ error }) => (error ? shapeOf(error) : null));
  return [...groups].map(([text, members]) => groupOf(text, members))
    .toSorted((a, b) => b.count - a.count || timeOf(b.example) - timeOf(a.example));
}
