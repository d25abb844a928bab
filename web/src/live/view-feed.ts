import { fetchStretch, type StoredHistory } from '../api/stored.ts';
import type { QueueAddress } from '../api/client.ts';
import type { Column } from '../api/contract.ts';
import { chartView } from '../charts/view.ts';
import { COMPARE_SECONDS, planFor, type Plan, type Span } from '../domain/span.ts';
import { historyFeed, type FeedState, type HistoryFeed } from './history.ts';
import { Refetch } from './refetch.ts';
import { clock, store } from './session.ts';
import { copyTrack, emptyTrack, trackOf, type Past, type Track } from './track.ts';

type Listener = () => void;

/** More points than a card has pixels say nothing more. */
const POINTS = 480;
const LEAST_PAUSE_MS = 10_000;
const PAST_PAUSE_MS = 60_000;
/** The comparison is fetched a little ahead, so that its line does not end before the present one. */
const AHEAD_SECONDS = 90;

const nowSeconds = (): number => (store.pausedAt ?? clock.now()) / 1_000;

/** The figures of one queue, or of all, for whatever the page looks at: from the stream or from the store. */
export class ViewFeed {
  track: Track = emptyTrack();
  state: FeedState = 'loading';
  /** Why there is nothing; or, while there is something, why it is not newer. */
  error: string | null = null;
  /** Something is under way, and what is drawn is of before. */
  busy = false;
  past: Past | null = null;
  /** Why there is nothing to compare with. */
  pastError: string | null = null;
  queries: Partial<Record<Column, string>> | null = null;
  /** Whether the server has a store; null as long as it has not said. */
  hasStore: boolean | null = null;
  readonly address: QueueAddress | null;
  #live: HistoryFeed;
  #plan: Plan | null = null;
  #comparison: string | null = null;
  #fetched: Span | null = null;
  #listeners = new Set<Listener>();
  #unhook: (() => void)[] = [];
  #unlive: (() => void) | null = null;
  #stored = new Refetch();
  #before = new Refetch();

  constructor(live: HistoryFeed) {
    this.#live = live;
    this.address = live.address;
  }

  watch = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#unhook = [chartView.watch(this.#follow), store.watchPause(this.#resumed)];
      this.#plan = null;
      this.#comparison = null;
      this.#follow();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  reload = (): void => {
    if (this.#plan?.from === 'store') this.#load(this.#plan);
    else this.#live.reload();
  };

  /** What a chart of this has to show, Unix seconds. */
  window(): Span {
    if (chartView.zoom) return chartView.zoom;
    const seconds = chartView.rangeSeconds;
    if (this.#plan?.from === 'store' && this.#fetched) return { from: this.#fetched.to - seconds, to: this.#fetched.to };
    const to = Math.max(nowSeconds() - 2, store.pausedAt === null ? (this.track.times.at(-1) ?? 0) : 0);
    return { from: to - seconds, to };
  }

  #stop(): void {
    for (const unhook of this.#unhook) unhook();
    this.#unhook = [];
    this.#unlive?.();
    this.#unlive = null;
    this.#stored.stop();
    this.#before.stop();
  }

  #resumed = (): void => {
    if (store.pausedAt === null) this.#tell();
  };

  #follow = (): void => {
    const times = this.#live.track.times;
    const [first, last] = [times[0], times.at(-1)];
    const held = this.#live.state === 'ready' && first !== undefined && last !== undefined ? { from: first, to: last } : null;
    const plan = planFor(chartView.rangeSeconds, chartView.zoom, held);
    if (JSON.stringify(plan) !== JSON.stringify(this.#plan)) this.#change(plan);
    const comparison = JSON.stringify([chartView.comparison, plan]);
    if (comparison !== this.#comparison) {
      this.#comparison = comparison;
      this.#compare();
    }
    this.#tell();
  };

  #change(plan: Plan): void {
    this.#plan = plan;
    this.#unlive?.();
    this.#unlive = null;
    this.#stored.stop();
    this.#fetched = null;
    this.busy = false;
    if (plan.from === 'stream') {
      this.#unlive = this.#live.watch(this.#take);
      this.#take();
    } else if (plan.from === 'memory') {
      // A copy: the stream goes on, and would push the stretch out of its quarter of an hour.
      this.track = copyTrack(this.#live.track);
      this.state = 'ready';
      this.error = null;
      this.#heard(this.#live.said);
    } else {
      this.#load(plan);
    }
  }

  #take = (): void => {
    this.track = this.#live.track;
    this.state = this.#live.state;
    this.error = this.#live.error;
    this.#heard(this.#live.said);
    this.#tell();
  };

  #heard(history: StoredHistory | null): void {
    if (!history) return;
    this.queries = history.queries ?? this.queries;
    this.hasStore = history.resolution !== undefined;
  }

  #load(plan: Plan & { from: 'store' }): void {
    if (this.state === 'failed') this.state = 'loading';
    this.busy = true;
    let fresh = true;
    let step = 0;
    const stretch = (): Span => {
      const to = Math.round(nowSeconds());
      return plan.span ?? { from: to - plan.seconds, to };
    };
    let asked = stretch();
    this.#stored.run<StoredHistory>({
      ask: (signal) => {
        asked = stretch();
        return fetchStretch(this.address, { ...asked, points: POINTS }, signal);
      },
      done: (history) => {
        fresh = false;
        step = history.step_seconds;
        this.track = trackOf(history);
        this.#fetched = asked;
        this.state = 'ready';
        this.error = null;
        this.busy = false;
        this.#heard(history);
        this.#tell();
      },
      failed: (reason) => {
        this.state = fresh ? 'failed' : 'ready';
        this.error = reason;
        this.busy = false;
        this.#tell();
      },
      again: () => (plan.span === null ? Math.max(LEAST_PAUSE_MS, step * 1_000) : null),
    });
    this.#tell();
  }

  #compare(): void {
    this.#before.stop();
    this.past = null;
    this.pastError = null;
    const comparison = chartView.comparison;
    if (comparison === null) return;
    const shift = COMPARE_SECONDS[comparison];
    this.#before.run<StoredHistory>({
      ask: (signal) => {
        const { from, to } = this.window();
        const ahead = chartView.zoom ? 0 : AHEAD_SECONDS;
        return fetchStretch(this.address, { from: Math.floor(from - shift), to: Math.ceil(to - shift + ahead), points: POINTS }, signal);
      },
      done: (history) => {
        this.past = { track: trackOf(history), shift, step: history.step_seconds };
        this.pastError = null;
        this.#tell();
      },
      failed: (reason) => {
        this.pastError = reason;
        this.#tell();
      },
      again: () => (chartView.zoom ? null : PAST_PAUSE_MS),
    });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const feeds = new WeakMap<HistoryFeed, ViewFeed>();

/** The feed of a topic that follows what the page looks at. */
export function viewFeed(topic: string, address: QueueAddress | null): ViewFeed {
  const live = historyFeed(topic, address);
  const known = feeds.get(live) ?? new ViewFeed(live);
  feeds.set(live, known);
  return known;
}
