import { beforeAll, describe, expect, it } from 'vitest';
import type { VigieEvent } from '../api/contract.ts';
import { activateLocale } from '../i18n/index.ts';
import { loadServerWords } from './server-words.ts';
import { clusterEvents, clusterText, eventQueue, eventWords } from './event.ts';

beforeAll(() => activateLocale('en'));

const event = (second: number, change: Partial<VigieEvent> = {}): VigieEvent => ({
  id: String(second), time: new Date(1_800_000_000_000 + second * 1_000).toISOString(), type: 'worker_joined', severity: 'info', source: 'main', subject: `w${second}`, message: '', ...change,
});
const words = (type: string, detail: string) => eventWords(event(0, { type, fields: { detail } }));
const place = (seconds: number) => seconds - 1_800_000_000;

describe('event marks', () => {
  it('that would lie on one another are one, with the worst of their severities', () => {
    const clusters = clusterEvents([event(90), event(40, { severity: 'critical' }), event(30), event(10)], place, 100, 24);
    expect(clusters.map(({ at, severity, events }) => [at, severity, events.length])).toEqual([[10, 'info', 2], [40, 'critical', 1], [90, 'info', 1]]);
    expect(clusterEvents([event(12, { severity: 'warning' }), event(10)], place, 100, 24)[0]).toMatchObject({ severity: 'warning' });
  });
  it('outside of the chart are not drawn', () => expect(clusterEvents([event(101), event(-1)], place, 100, 24)).toEqual([]));
  it('say what happened, and how much more', () => {
    const [cluster] = clusterEvents(Array.from({ length: 9 }, (_, i) => event(8 - i)), place, 100, 24);
    const lines = clusterText(cluster ?? { at: 0, severity: 'info', events: [] }).split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toMatch(/Worker joined: w0$/);
    expect(lines[6]).toBe('3 more');
  });
  it('of an n8n say which workflow, and lead to its queue', () => {
    const late = event(0, { type: 'workflow_overdue', severity: 'warning', subject: 'Nightly', message: 'Nightly should have run by its schedule 90 s ago and has not' });
    expect(clusterText({ at: 0, severity: 'warning', events: [late] })).toMatch(/Workflow overdue: Nightly · Nightly should have run/);
    expect(eventQueue(event(0, { type: 'queue_appeared', fields: { kind: 'n8n', queue: 'executions' } }))).toEqual({ source: 'main', kind: 'n8n', queue: 'executions' });
    expect(eventQueue(event(0, { type: 'queue_appeared', fields: { kind: 'redis', queue: 'x' } }))).toBeNull();
  });
  it('speak French where they are sentences, and leave names alone', async () => {
    await activateLocale('fr');
    await loadServerWords();
    expect([words('instance_down', 'h:1: connection refused'), words('source_found', 'no queues yet')]).toEqual(['h:1\u00a0: connexion refusée', 'pas encore de files']);
    expect([words('worker_joined', 'events'), words('queue_gone', 'refused')]).toEqual(['events', 'refused']);
    await activateLocale('en');
  });
  it('of an unknown type are shown by its name', () => {
    expect(clusterText({ at: 0, severity: 'info', events: [event(0, { type: 'deploy', subject: null, message: 'v1.2' })] })).toMatch(/deploy: main · v1.2$/);
  });
});
