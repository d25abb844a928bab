import type { Clue, Maybe } from '../api/contract.ts';

/** How long a page stays on the wall, unless the address says otherwise. */
export const WALL_SECONDS = 20;

type WallStop = { page: '/' | '/queues' | '/workers' | '/instances' } | { source: string; kind: string; queue: string };

/** The pages that a wall goes around: the whole, the queue that is in trouble where there is one, and the tables, worst first. */
export function wallStops(verdict: Maybe<Clue>): WallStop[] {
  const { severity, source, kind, queue } = verdict ?? {};
  const trouble = (severity === 'critical' || severity === 'warning') && source && kind && typeof queue === 'string' ? [{ source, kind, queue }] : [];
  return [{ page: '/' }, ...trouble, { page: '/queues' }, { page: '/workers' }, { page: '/instances' }];
}

/** The stop after the one that is shown; the first where that is none of them. A queue's page counts as the queue in trouble. */
export function nextStop(stops: readonly WallStop[], path: string): WallStop | undefined {
  const at = stops.findIndex((stop) => ('page' in stop ? stop.page === path : path.startsWith('/queues/')));
  // A queue that is well again is no stop any more: from its page it goes on to the tables.
  if (at < 0 && path.startsWith('/queues/')) return stops.find((stop) => 'page' in stop && stop.page === '/queues');
  return stops[(at + 1) % stops.length];
}
