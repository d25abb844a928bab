import type { Rows, Source } from '../api/contract.ts';
import { evenSeconds, ServerClock, Ticker } from './clock.ts';
import { isLate, judgeFreshness, LagMeter, type Freshness, type Link } from './freshness.ts';
import { LineFeeds, linesTopic, type LineListener } from './line-feeds.ts';
import { LiveStore } from './store.ts';
import { TabStream } from './tab.ts';

/** The live side of this tab: one store, one clock, and its part of the browser's stream. */
export const store = new LiveStore();
export const clock = new ServerClock();

const lineFeeds = new LineFeeds();
const lags = new LagMeter();

let link: Link = { state: 'connecting', reason: null, since: Date.now() };

export const stream = new TabStream({
  message({ topic, at, kind, body, characters }) {
    clock.hear(at);
    if (kind === 'snapshot') store.snapshot(topic, body);
    else store.patch(topic, body, characters);
    if (topic !== 'sources' || kind !== 'patch') return;
    lags.hear(store.readCurrent<Rows<Source>>('sources'), clock.now());
    secondTicker.beat();
  },
  lines: (message) => lineFeeds.hear(message),
  state(state, reason) {
    if (state !== 'open') lineFeeds.broken();
    if (state === link.state) return;
    link = { state, reason, since: Date.now() };
  },
  // Pages come back, queues one looked at rarely do: without this each would stay for as long as the tab.
  dropped(topic) {
    if (topic.startsWith('queue:')) store.forget(topic);
    lineFeeds.dropped(topic);
  },
});

/** Follows the log lines that a filter wants, until the returned function is called. */
export function followLines(filter: Record<string, string | undefined>, listener: LineListener): () => void {
  const topic = linesTopic(filter);
  const unwatch = lineFeeds.watch(topic, listener);
  const letGo = stream.want(topic);
  return () => {
    unwatch();
    letGo();
  };
}

/** The time to count ages against: the server's, or the moment at which the screen was frozen. */
const shownNow = (): number => store.pausedAt ?? clock.now();

/** Goes with the news of the sources, which come once a second, and by itself when there are none. */
export const secondTicker = new Ticker(1_000, evenSeconds(shownNow));

let freshness: Freshness = { state: 'waiting', age: null, source: null, reason: null, old: 0, sources: 0, isLong: false };
let toldIn = 0;

function lookWhetherFresh(): number {
  const next = judgeFreshness(link, store.readCurrent<Rows<Source>>('sources'), clock.now(), Date.now(), lags);
  // A good age is told once a second: drawing it more often costs more than it says. Bad news is told at once.
  const second = secondTicker.value();
  if (next.state !== 'fresh' || freshness.state !== 'fresh' || toldIn !== second) freshness = next;
  toldIn = second;
  return clock.now();
}

/** Looks five times a second whether the data is still fresh, whatever comes or does not come over the stream. */
export const freshnessTicker = new Ticker(200, lookWhetherFresh);

/** Whether a source has missed its turn; for its own card. */
export const isOverdue = (source: Source): boolean => isLate(source, clock.now(), lags.of(source.source));
export const readFreshness = (): Freshness => freshness;

export function togglePause(): void {
  // Frozen at the second that is on the screen, so that no age makes a last step.
  if (store.pausedAt === null) store.pause(secondTicker.value());
  else store.resume();
}

export function startLive(): void {
  stream.start();
  freshnessTicker.watch(() => undefined);
  secondTicker.watch(() => freshnessTicker.beat());
}
