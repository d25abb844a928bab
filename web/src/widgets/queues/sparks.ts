import { useSyncExternalStore } from 'react';
import { fetchSparks } from '../../api/client.ts';
import type { Maybe } from '../../api/contract.ts';
import { Refetch } from '../../live/refetch.ts';

const EVERY_MS = 15_000;

const listeners = new Set<() => void>();
const fetching = new Refetch();
let rows: Record<string, Maybe<number>[]> = {};

function start(): void {
  fetching.run({
    ask: fetchSparks,
    done: (sparks) => {
      rows = sparks.rows;
      for (const listener of listeners) listener();
    },
    // An aid beside the figures: without it the cell stays empty, and the next turn asks again.
    failed: () => undefined,
    again: () => EVERY_MS,
  });
}

function watch(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) start();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) fetching.stop();
  };
}

/** The waiting jobs of one queue over the last quarter of an hour; all queues share one request every 15 s. */
export const useSpark = (id: string): Maybe<number>[] | undefined => useSyncExternalStore(watch, () => rows[id]);
