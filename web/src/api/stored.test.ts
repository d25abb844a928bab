import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VigieEvent } from './contract.ts';

const at = (second: number) => new Date(1_800_000_000_000 + second * 1_000).toISOString();
const event = (id: number): VigieEvent => ({ id: String(id), time: at(id), type: 'worker_joined', severity: 'info', source: 'main', message: '' });

const fetchEvents = async (from: number) => {
  const stored = await import('./stored.ts');
  return stored.fetchEvents(null, 1_800_000_000 + from, new AbortController().signal);
};

describe('events', () => {
  let limits: number[] = [];
  /** A server that keeps events 1 to `newest`, one a second. */
  const serve = (newest: number) => vi.stubGlobal('fetch', (path: string) => {
    const search = new URL(path, 'http://x').searchParams;
    const limit = Number(search.get('limit'));
    limits.push(limit);
    const first = search.has('cursor') ? Number(search.get('cursor')) - 1 : newest;
    const events = Array.from({ length: Math.min(limit, first) }, (_, i) => event(first - i));
    return Promise.resolve(Response.json({ events, next: first > limit ? events.at(-1)?.id : null }));
  });
  beforeEach(() => {
    limits = [];
    vi.stubGlobal('window', { location: { origin: 'http://x' } });
  });
  afterEach(() => vi.unstubAllGlobals());
  it('are paged back to where the chart begins, and no further', async () => {
    serve(1_000);
    const events = await fetchEvents(650);
    expect(limits).toEqual([200, 200]);
    expect([events[0]?.id, events.at(-1)?.id]).toEqual(['1000', '601']);
  });
  it('say what the server said when it said no', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ type: 'x', title: 'Bad', status: 400, detail: 'limit is 0' }, { status: 400 })));
    await expect(fetchEvents(0)).rejects.toThrow('limit is 0');
  });
});
