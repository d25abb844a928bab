import type { StoredHistory } from '../api/stored.ts';
import { fetchHistory, type QueueAddress } from '../api/client.ts';
import type { Point } from '../api/contract.ts';
import { store, stream } from './session.ts';
import { appendPoint, emptyTrack, trackOf, type Track } from './track.ts';

type Listener = () => void;
const RELOAD_PAUSE_MS = 3_000;

export type FeedState = 'loading' | 'ready' | 'failed';

/** The last 15 minutes of one queue, or of all: loaded once over REST, then grown by the points of the stream. */
export class HistoryFeed {
  track: Track = emptyTrack();
  state: FeedState = 'loading';
  error: string | null = null;
  /** The last whole answer, for what it says beside the figures. */
  said: StoredHistory | null = null;
  #pending: Point[] = [];
  #listeners = new Set<Listener>();
  #abort: AbortController | null = null;
  #loadedAt = 0;
  #unhook: (() => void)[] = [];
  readonly topic: string;
  readonly address: QueueAddress | null;

  constructor(topic: string, address: QueueAddress | null) {
    this.topic = topic;
    this.address = address;
  }

  watch = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  reload = (): void => {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#loadedAt = Date.now();
    fetchHistory(this.address, abort.signal).then(
      (history) => this.#loaded(history),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        this.state = this.state === 'ready' ? 'ready' : 'failed';
        this.error = error instanceof Error ? error.message : String(error);
        this.#tell();
      },
    );
  };

  #start(): void {
    this.#unhook = [
      stream.want(this.topic),
      store.onMessage((topic, document, kind) => {
        if (topic !== this.topic) return;
        const point = (document as { point?: Point | null } | null)?.point;
        if (point) this.#add(point);
        if (kind === 'snapshot' && this.state !== 'loading') this.#refresh();
      }),
    ];
    this.reload();
  }

  #stop(): void {
    for (const unhook of this.#unhook) unhook();
    this.#unhook = [];
    this.#abort?.abort();
  }

  /** After a reconnect or a hole: ask for the whole again, but not over and over. */
  #refresh(): void {
    if (Date.now() - this.#loadedAt > RELOAD_PAUSE_MS) this.reload();
  }

  #add(point: Point): void {
    if (this.state === 'loading') {
      this.#pending.push(point);
      return;
    }
    const outcome = appendPoint(this.track, point);
    if (outcome === 'gap') this.#refresh();
    if (outcome !== 'old') this.#tell();
  }

  #loaded(history: StoredHistory): void {
    const newer = this.state === 'loading' ? this.#pending : [];
    this.said = history;
    this.track = trackOf(history);
    this.state = 'ready';
    this.error = null;
    this.#pending = [];
    for (const point of newer) appendPoint(this.track, point);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const feeds = new Map<string, HistoryFeed>();

/** The feed of a topic; its data stays as long as somebody watches and a while beyond, so that going back is instant. */
export function historyFeed(topic: string, address: QueueAddress | null): HistoryFeed {
  const known = feeds.get(topic);
  if (known) return known;
  const feed = new HistoryFeed(topic, address);
  feeds.set(topic, feed);
  if (feeds.size > 8) feeds.delete(feeds.keys().next().value ?? '');
  return feed;
}
