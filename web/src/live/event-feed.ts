import { fetchEvents } from '../api/stored.ts';
import type { QueueAddress } from '../api/client.ts';
import type { Rows, VigieEvent } from '../api/contract.ts';
import { chartView } from '../charts/view.ts';
import { isAboutQueue, withNews } from '../domain/event.ts';
import { Refetch } from './refetch.ts';
import { clock, store, stream } from './session.ts';

type Listener = () => void;
const TOPIC = 'events';
/** The topic has the newest so many: with fewer there are no others. */
const TOLD = 200;
const AGAIN_MS = 5_000;

/**
 * What happened to one queue, or to all, within what the page looks at: the marks on its charts. The past is asked for, once
 * for each stretch; what is new comes over the stream.
 */
export class EventFeed {
  events: VigieEvent[] = [];
  /** Why there is nothing newer; null while all is well. */
  error: string | null = null;
  #version = 0;
  #address: QueueAddress | null;
  #listeners = new Set<Listener>();
  /** How far back the events go, Unix seconds. */
  #reach = Infinity;
  /** The ids that the stream told last: as many new ones at once may be more than it tells. */
  #told = new Set<string>();
  /** Ends what follows the stream and the view. */
  #unhook: Listener[] = [];
  #fetching = new Refetch();

  constructor(address: QueueAddress | null) {
    this.#address = address;
  }

  watch = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#unhook = [stream.want(TOPIC), store.watch(TOPIC, this.#hear), chartView.watch(this.#look)];
      this.#load();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      for (const unhook of this.#unhook) unhook();
      this.#fetching.stop();
      // Nobody listens: what comes meanwhile is asked for by whoever comes back.
      this.#reach = Infinity;
      this.#told = new Set();
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

  #from = (): number => chartView.zoom?.from ?? clock.now() / 1_000 - chartView.rangeSeconds;

  #look = (): void => {
    if (this.#from() < this.#reach) this.#load();
    else this.#tell();
  };

  /** Takes what the stream tells; asks, where more may have come than it tells. */
  #hear = (): void => {
    if (this.#reach === Infinity) return;
    const told = Object.values(store.read<Rows<VigieEvent>>(TOPIC)?.rows ?? {});
    const before = this.#told;
    this.#told = new Set(told.map(({ id }) => id));
    if (before.size > 0 && told.length >= TOLD && !told.some(({ id }) => before.has(id))) {
      this.#load();
      return;
    }
    const known = new Set(this.events.map(({ id }) => id));
    const news = told.filter((event) => !known.has(event.id) && Date.parse(event.time) / 1_000 >= this.#reach && isAboutQueue(event, this.#address));
    if (news.length === 0) return;
    this.events = withNews(news, this.events);
    this.#tell();
  };

  #load(): void {
    let from = 0;
    let isWell = false;
    this.#fetching.run({
      ask: (signal) => {
        from = this.#from();
        return fetchEvents(this.#address, from, signal);
      },
      done: (events) => {
        isWell = true;
        this.#reach = from;
        this.error = null;
        this.events = events;
        this.#tell();
        // What came between the answer and now.
        this.#hear();
      },
      // On charts marks are an aid: without them the chart is still true. The timeline says what failed.
      failed: (reason) => {
        if (reason === this.error) return;
        this.error = reason;
        this.#tell();
      },
      again: () => (isWell ? null : AGAIN_MS),
    });
  }
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
