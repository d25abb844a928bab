import { useCallback, useEffect, useSyncExternalStore } from 'react';
import type { Freshness } from './freshness.ts';
import type { FeedState } from './history.ts';
import type { ViewFeed } from './view-feed.ts';
import { freshnessTicker, readFreshness, secondTicker, store, stream } from './session.ts';

/** Keeps a topic on the stream while the caller is mounted. */
export function useTopic(topic: string | null): void {
  useEffect(() => (topic === null ? undefined : stream.want(topic)), [topic]);
}

/**
 * A part of a topic's document. The selector has to return what is stored (or a plain value), not a new object:
 * the caller is drawn again only when that part changed.
 */
export function useLive<D, T>(topic: string, select: (document: D | undefined) => T): T {
  const watch = useCallback((listener: () => void) => store.watch(topic, listener), [topic]);
  return useSyncExternalStore(watch, () => select(store.read<D>(topic)));
}

export const usePaused = (): boolean => useSyncExternalStore(store.watchPause, () => store.pausedAt !== null);

/** Server time in milliseconds, once a second; frozen while the screen is paused. */
export const useNow = (): number => useSyncExternalStore(secondTicker.watch, secondTicker.value);

const freshnessKey = (f: Freshness): string => `${f.state}|${f.source}|${f.reason}|${f.old}|${f.sources}|${f.isLong}`;

/** Fresh or not, and why; drawn again only when that changes. For the age itself take `useFreshness`. */
export const useFreshnessState = (): Freshness => {
  useSyncExternalStore(freshnessTicker.watch, () => freshnessKey(readFreshness()));
  return readFreshness();
};

export const useFreshness = (): Freshness => {
  useSyncExternalStore(freshnessTicker.watch, readFreshness);
  return readFreshness();
};

interface FeedWord {
  state: FeedState;
  busy: boolean;
  error: string | null;
  pastError: string | null;
  hasStore: boolean | null;
  hasQueries: boolean;
}

/** How a feed stands, without its figures: drawn again only when that changes. */
export function useFeed(feed: ViewFeed): FeedWord {
  const key = useSyncExternalStore(feed.watch, () => JSON.stringify([feed.state, feed.busy, feed.error, feed.pastError, feed.hasStore, feed.queries !== null]));
  const [state, busy, error, pastError, hasStore, hasQueries] = JSON.parse(key) as [FeedState, boolean, string | null, string | null, boolean | null, boolean];
  return { state, busy, error, pastError, hasStore, hasQueries };
}
