import { useCallback, useEffect, useSyncExternalStore } from 'react';
import type { Freshness } from './freshness.ts';
import type { FeedState, HistoryFeed } from './history.ts';
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

const freshnessKey = (f: Freshness): string => `${f.state}|${f.source}|${f.reason}`;

/** Fresh or not, and why; drawn again only when that changes. For the age itself take `useFreshness`. */
export const useFreshnessState = (): Freshness => {
  useSyncExternalStore(freshnessTicker.watch, () => freshnessKey(readFreshness()));
  return readFreshness();
};

export const useFreshness = (): Freshness => {
  useSyncExternalStore(freshnessTicker.watch, readFreshness);
  return readFreshness();
};

export function useFeedState(feed: HistoryFeed): FeedState {
  return useSyncExternalStore(feed.watch, () => feed.state);
}
