import { describe, expect, it } from 'vitest';
import { MOST_TOPICS, StreamHub, type Port } from './hub.ts';
import type { FromHub } from './protocol.ts';
import type { StreamEvents } from './stream.ts';

/** A hub over a stream that does what the test says. */
function made() {
  const asked: string[][] = [];
  let events: StreamEvents | null = null;
  const hub = new StreamHub((given) => {
    events = given;
    return { ask: (topics) => asked.push([...topics]), hurry: () => undefined };
  });
  const say = (topic: string, kind: 'snapshot' | 'patch' | 'lines', body: unknown) => {
    const at = '2026-11-25T12:00:00.000Z';
    events?.message({ topic, at, kind, body, text: JSON.stringify(kind === 'lines' ? body : { topic, at, [kind === 'snapshot' ? 'doc' : 'patch']: body }) });
  };
  const tab = (...topics: string[]) => {
    const heard: FromHub[] = [];
    const port: Port = { post: (message) => heard.push(message) };
    hub.hear(port, { type: 'join', lock: null });
    if (topics.length > 0) hub.hear(port, { type: 'want', topics });
    return { port, heard, texts: () => heard.flatMap((message) => (message.type === 'message' ? [JSON.parse(message.text) as Record<string, unknown>] : [])) };
  };
  return { hub, asked, say, tab, state: (state: 'open' | 'broken') => events?.state(state, null), reconnect: (topics: string[]) => events?.asked(topics) };
}

describe('the hub of the tabs', () => {
  it('asks for what all want together, and tells each what it wants', () => {
    const { asked, say, tab } = made();
    const one = tab('now', 'queues');
    const two = tab('now', 'workers');
    expect(asked.at(-1)).toEqual(['now', 'queues', 'workers']);
    say('queues', 'snapshot', { rows: {} });
    say('now', 'snapshot', { a: 1 });
    expect(one.texts().map(({ topic }) => topic)).toEqual(['queues', 'now']);
    expect(two.texts().map(({ topic }) => topic)).toEqual(['now']);
  });

  it('gives a newcomer the document as it is now, without asking again', () => {
    const { asked, say, tab } = made();
    tab('now');
    say('now', 'snapshot', { a: 1, b: 1 });
    say('now', 'patch', { a: 2, b: null });
    const late = tab('now');
    expect(late.heard.map(({ type }) => type)).toEqual(['state', 'message']);
    expect(late.texts()[0]).toMatchObject({ topic: 'now', doc: { a: 2 } });
    // The time is the server's, as far as the hub knows it.
    expect(Math.abs(Date.parse(String(late.texts()[0]?.['at'])) - Date.parse('2026-11-25T12:00:00.000Z'))).toBeLessThan(60_000);
    expect(late.texts()[0]?.['doc']).not.toHaveProperty('b');
    expect(asked.every((topics) => topics.join() === 'now')).toBe(true);
  });

  it('lets go of the stream when the last tab sleeps or leaves, and of the documents', () => {
    const { hub, asked, say, tab } = made();
    const one = tab('now');
    const two = tab('now');
    say('now', 'snapshot', { a: 1 });
    hub.leave(one.port);
    expect(asked.at(-1)).toEqual(['now']);
    hub.hear(two.port, { type: 'want', topics: [] });
    expect(asked.at(-1)).toEqual([]);
    say('now', 'patch', { a: 2 });
    expect(two.texts()).toHaveLength(1);
    hub.hear(two.port, { type: 'want', topics: ['now'] });
    expect(two.texts()).toHaveLength(1);
  });

  it('keeps no document of a topic that the connection does not carry', () => {
    const { hub, say, tab, reconnect } = made();
    const one = tab('now', 'queue:a');
    say('queue:a', 'snapshot', { a: 1 });
    hub.hear(one.port, { type: 'want', topics: ['now', 'queue:b'] });
    reconnect(['now', 'queue:b']);
    hub.hear(one.port, { type: 'want', topics: ['now', 'queue:a'] });
    expect(one.texts()).toHaveLength(1);
  });

  it('tells the state to whoever is awake', () => {
    const { tab, state } = made();
    const awake = tab('now');
    const asleep = tab();
    state('broken');
    expect(awake.heard.at(-1)).toEqual({ type: 'state', state: 'broken', reason: null });
    expect(asleep.heard).toEqual([]);
  });

  it('says no to more topics than a connection carries, and keeps serving the rest', () => {
    const { asked, tab } = made();
    tab(...Array.from({ length: MOST_TOPICS }, (_, i) => `queue:${i}`));
    const late = tab('now');
    expect(late.heard).toEqual([{ type: 'full' }]);
    expect(asked.at(-1)).toHaveLength(MOST_TOPICS);
  });
});

describe('the hub and log lines', () => {
  it('passes log lines on, keeps none of them, and tells a newcomer that they come', () => {
    const { say, tab, reconnect } = made();
    const one = tab('logs:level=warn');
    const begun = { topic: 'logs:level=warn', lines: [], skipped: 0 };
    say('logs:level=warn', 'lines', begun);
    say('logs:level=warn', 'lines', { ...begun, lines: [{ message: 'slow' }] });
    expect(one.texts().map(({ lines }) => lines)).toEqual([[], [{ message: 'slow' }]]);
    expect(tab('logs:level=warn').texts()).toEqual([begun]);
    reconnect(['logs:level=warn']);
    expect(tab('logs:level=warn').texts()).toEqual([]);
  });
});
