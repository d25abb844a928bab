import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VigieEvent } from '../api/contract.ts';

const at = (second: number) => new Date(1_800_000_000_000 + second * 1_000).toISOString();
const event = (id: number, change: Partial<VigieEvent> = {}): VigieEvent => ({ id: String(id), time: at(id), type: 'deploy', severity: 'info', source: 'ci', message: '', ...change });

const { wanted, store } = await vi.hoisted(async () => {
  const { LiveStore } = await import('./store.ts');
  return { wanted: [] as string[], store: new LiveStore() };
});
vi.mock('./session.ts', () => ({
  store, clock: { now: () => 1_800_000_900_000 },
  stream: { want: (topic: string) => { wanted.push(topic); return () => { wanted.pop(); }; } },
}));
vi.stubGlobal('document', { visibilityState: 'visible' });

/** The server's answers, newest first; null is a failure. */
let kept: VigieEvent[] | null = [];
let asked = 0;
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  vi.stubGlobal('fetch', () => {
    asked += 1;
    return Promise.resolve(kept ? Response.json({ events: kept, next: null }) : Response.json({ title: 'Away', status: 503, detail: 'the store is away' }, { status: 503 }));
  });
});
afterEach(() => {
  vi.useRealTimers();
  store.forget('events');
});

const rows = (...events: VigieEvent[]) => ({ rows: Object.fromEntries(events.map((one) => [one.id, one])) });
async function feedOf(address: { source: string; kind: string; queue: string } | null) {
  const { EventFeed } = await import('./event-feed.ts');
  const feed = new EventFeed(address);
  const ends = feed.watch(() => undefined);
  await settled();
  return { feed, ends, ids: () => feed.events.map(({ id }) => id).join(' ') };
}

describe('the feed of events', () => {
  it('asks for the past once; the stream brings what is new, and nothing is asked for again', async () => {
    kept = [event(800), event(700)];
    const { feed, ends, ids } = await feedOf(null);
    expect([ids(), asked, wanted]).toEqual(['800 700', 1, ['events']]);
    store.snapshot('events', rows(event(800), event(700), event(801)));
    expect(ids()).toBe('801 800 700');
    const before = feed.read();
    store.patch('events', { rows: { 802: event(802), 700: null } });
    expect([ids(), feed.read()]).toEqual(['802 801 800 700', before + 1]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(1);
    ends();
    expect(wanted).toEqual([]);
  });

  it('of a queue takes what is about it or about none', async () => {
    kept = [];
    const { ends, ids } = await feedOf({ source: 'main', kind: 'bull', queue: 'mail' });
    const about = (id: number, queue: string) => event(id, { source: 'main', fields: { queue, kind: 'bull' } });
    store.snapshot('events', rows(about(800, 'mail'), about(801, 'pdf'), event(802)));
    expect(ids()).toBe('802 800');
    ends();
  });

  it('asks again when more may have come than the stream tells', async () => {
    kept = [];
    const { ends, ids } = await feedOf(null);
    store.snapshot('events', rows(event(100)));
    kept = Array.from({ length: 250 }, (_, i) => event(749 - i));
    store.snapshot('events', rows(...kept.slice(0, 200)));
    await settled();
    expect([asked, ids().split(' ').length]).toEqual([2, 250]);
    ends();
  });

  it('says what failed, and asks until it is answered', async () => {
    kept = null;
    const { feed, ends } = await feedOf(null);
    expect(feed.error).toBe('the store is away');
    kept = [event(1)];
    await vi.advanceTimersByTimeAsync(6_000);
    expect([feed.error, asked]).toEqual([null, 2]);
    ends();
  });
});
