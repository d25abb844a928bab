import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HubEvents } from './join.ts';
import type { FromHub, ToHub } from './protocol.ts';

vi.mock('./join.ts', () => ({}));
const { TabStream } = await import('./tab.ts');

interface Joined {
  kind: 'shared' | 'own';
  said: ToHub[];
  tell(message: FromHub): void;
  lose(cameUp: boolean): void;
}

let page: { visibilityState: string; listeners: Record<string, () => void> };

beforeEach(() => {
  vi.useFakeTimers();
  page = { visibilityState: 'visible', listeners: {} };
  vi.stubGlobal('document', { get visibilityState() { return page.visibilityState; }, addEventListener: (name: string, listener: () => void) => { page.listeners[name] = listener; } });
  vi.stubGlobal('window', { addEventListener: (name: string, listener: () => void) => { page.listeners[name] = listener; } });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function hide(state: 'hidden' | 'visible') {
  page.visibilityState = state;
  page.listeners['visibilitychange']?.();
}

function made(canShare = true) {
  const joined: Joined[] = [];
  const join = (kind: 'shared' | 'own') => (events: Pick<HubEvents, 'heard'> & Partial<HubEvents>) => {
    const said: ToHub[] = [];
    joined.push({ kind, said, tell: (message) => events.heard(message), lose: (cameUp) => events.lost?.(cameUp) });
    return { post: (message: ToHub) => void said.push(message) };
  };
  const states: string[] = [];
  const dropped: string[] = [];
  const lines: unknown[] = [];
  const bodies: unknown[] = [];
  const tab = new TabStream(
    { message: ({ body }) => bodies.push(body), state: (state) => states.push(state), dropped: (topic) => dropped.push(topic), lines: (message) => lines.push(message) },
    { canShare: () => canShare, joinShared: join('shared'), joinOwn: join('own') },
  );
  tab.start();
  return { tab, joined, states, dropped, bodies, lines, wants: () => joined.at(-1)?.said.at(-1) };
}

describe('a tab', () => {
  it('says what it wants, once for what is wanted together', () => {
    const { tab, joined, dropped, wants } = made();
    tab.want('now');
    const leave = tab.want('queue:a');
    vi.advanceTimersByTime(20);
    expect(joined[0]?.said.map(({ type }) => type)).toEqual(['want', 'want']);
    expect(wants()).toEqual({ type: 'want', topics: ['now', 'queue:a'] });
    // A page that is drawn anew lets go and takes again: nothing is lost by that.
    leave();
    const again = tab.want('queue:a');
    vi.advanceTimersByTime(20);
    expect(dropped).toEqual([]);
    again();
    vi.advanceTimersByTime(20);
    expect(dropped).toEqual(['queue:a']);
    expect(wants()).toEqual({ type: 'want', topics: ['now'] });
  });

  it('sleeps a minute after it was hidden, and hears nothing of the state then', () => {
    const { tab, joined, states, wants } = made();
    tab.want('now');
    hide('hidden');
    vi.advanceTimersByTime(59_000);
    expect(wants()).toEqual({ type: 'want', topics: ['now'] });
    vi.advanceTimersByTime(2_000);
    expect(wants()).toEqual({ type: 'want', topics: [] });
    joined[0]?.tell({ type: 'state', state: 'broken', reason: null });
    expect(states).toEqual(['asleep']);
    hide('visible');
    expect(wants()).toEqual({ type: 'want', topics: ['now'] });
    expect(states).toEqual(['asleep', 'connecting']);
  });

  it('finds another hub when the one it had has died', () => {
    const { tab, joined, bodies, wants } = made();
    tab.want('now');
    vi.advanceTimersByTime(20);
    joined[0]?.lose(true);
    expect(joined.map(({ kind }) => kind)).toEqual(['shared', 'shared']);
    expect(wants()).toEqual({ type: 'want', topics: ['now'] });
    joined[0]?.tell({ type: 'message', topic: 'now', kind: 'snapshot', text: '{"topic":"now","at":"","doc":1}' });
    joined[1]?.tell({ type: 'message', topic: 'now', kind: 'snapshot', text: '{"topic":"now","at":"","doc":2}' });
    expect(bodies).toEqual([2]);
  });

  it.each([
    ['where the browser has none', false, (joined: Joined[]) => joined],
    ['where none comes up', true, (joined: Joined[]) => joined[0]?.lose(false)],
    ['where they die one after the other', true, (joined: Joined[]) => [0, 1, 2].forEach((i) => joined[i]?.lose(true))],
    ['where the shared one is full', true, (joined: Joined[]) => joined[0]?.tell({ type: 'full' })],
  ])('has a stream of its own %s', (_, canShare, happen) => {
    const { tab, joined, wants } = made(canShare);
    tab.want('now');
    vi.advanceTimersByTime(20);
    happen(joined);
    expect(joined.at(-1)?.kind).toBe('own');
    expect(joined.filter(({ kind }) => kind === 'own')).toHaveLength(1);
    expect(wants()).toEqual({ type: 'want', topics: ['now'] });
  });
});
