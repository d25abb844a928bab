import { fetchEvents } from '../api/stored.ts';
import type { QueueAddress } from '../api/client.ts';
import type { VigieEvent } from '../api/contract.ts';
import { chartView } from '../charts/view.ts';
import { Refetch } from './refetch.ts';
import { clock } from './session.ts';

type Listener = () => void;
const PAUSE_MS = 5_000;

/** What happened to one queue, or to all, within what the page looks at: the marks on its charts. */
export class EventFeed {
  events: VigieEvent[] = [];
  /** Why there is nothing newer; null while all is well. */
  error: string | null = null;
  #version = 0;
  #address: QueueAddress | null;
  #listeners = new Set<Listener>();
  /** How far back the events go, Unix seconds. */
  #reach = Infinity;
  #unhook: (() => void) | null = null;
  #fetching = new Refetch();

  constructor(address: QueueAddress | null) {
    this.#address = address;
  }

  watch = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#unhook = chartView.watch(this.#load);
      this.#load();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unhook?.();
      this.#fetching.stop();
    };
  };

  /** How often something changed; 0 before the first answer. */
  read = (): number => this.#version;

  now = (): number => clock.now() / 1_000;

  reload = (): void => this.#load();

  #tell(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  #load = (): void => {
    let from = 0;
    this.#fetching.run({
      ask: (signal) => {
        from = chartView.zoom?.from ?? clock.now() / 1_000 - chartView.rangeSeconds;
        return fetchEvents(this.#address, from, from >= this.#reach ? this.events : [], signal);
      },
      done: (events) => {
        this.#reach = Math.min(this.#reach, from);
        const isSame = events.length === this.events.length && events.every(({ id }, i) => id === this.events[i]?.id);
        const wasWell = this.error === null;
        this.error = null;
        if (isSame && wasWell && this.#version > 0) return;
        this.events = events;
        this.#tell();
      },
      // On charts marks are an aid: without them the chart is still true. The timeline says what failed.
      failed: (reason) => {
        if (reason === this.error) return;
        this.error = reason;
        this.#tell();
      },
      again: () => PAUSE_MS,
    });
  };
}

const feeds = new Map<string, EventFeed>();

export function eventFeed(address: QueueAddress | null): EventFeed {
  const key = address ? JSON.stringify([address.source, address.kind, address.queue]) : '';
  const known = feeds.get(key);
  if (known) return known;
  const plain = address ? { source: address.source, kind: address.kind, queue: address.queue } : null;
  const made = new EventFeed(plain);
  feeds.set(key, made);
  if (feeds.size > 8) feeds.delete(feeds.keys().next().value ?? '');
  return made;
}
