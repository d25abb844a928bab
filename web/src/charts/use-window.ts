import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Span } from '../domain/span.ts';
import { Refetch } from '../live/refetch.ts';
import { clock, store } from '../live/session.ts';
import { chartView } from './view.ts';

const LEAST_PAUSE_MS = 10_000;

const watchView = (listener: () => void) => chartView.watch(listener);
const viewKey = () => JSON.stringify(chartView.look);

const windowNow = (): Span => {
  if (chartView.zoom) return chartView.zoom;
  const to = Math.round((store.pausedAt ?? clock.now()) / 1_000);
  return { from: to - chartView.rangeSeconds, to };
};

interface Asked<T> {
  key: string;
  answer: T | null;
  window: Span;
  error: string | null;
}

/** An answer about what the page looks at. One that is old stays until there is another; `busy` says that it is of another question. */
interface WindowAnswer<T> {
  answer: T | null;
  /** Of which stretch it is. */
  window: Span;
  error: string | null;
  busy: boolean;
  reload: () => void;
}

/** Asks about what the page looks at, and again while that ends now: once a step, in seconds. Another `question` is asked at once. */
export function useWindow<T>(question: string, ask: (window: Span, signal: AbortSignal) => Promise<T>, stepOf: (answer: T) => number): WindowAnswer<T> {
  const [asked, setAsked] = useState<Asked<T>>({ key: '', answer: null, window: { from: 0, to: 1 }, error: null });
  const [attempt, setAttempt] = useState(0);
  const view = useSyncExternalStore(watchView, viewKey);
  const key = JSON.stringify([question, view, attempt]);
  const latest = useRef({ ask, stepOf });
  useEffect(() => { latest.current = { ask, stepOf }; });
  useEffect(() => {
    const fetching = new Refetch();
    let step = 0;
    let window = windowNow();
    fetching.run<T>({
      ask: (signal) => {
        window = windowNow();
        return latest.current.ask(window, signal);
      },
      done: (answer) => {
        step = latest.current.stepOf(answer);
        setAsked({ key, answer, window, error: null });
      },
      failed: (error) => setAsked((old) => ({ ...old, key, error })),
      again: () => (chartView.zoom ? null : Math.max(LEAST_PAUSE_MS, step * 1_000)),
    });
    return () => fetching.stop();
  }, [key]);
  const { answer, window, error } = asked;
  return { answer, window, error, busy: asked.key !== key, reload: () => setAttempt((n) => n + 1) };
}
