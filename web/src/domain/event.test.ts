import { beforeAll, describe, expect, it } from 'vitest';
import type { VigieEvent } from '../api/contract.ts';
import { activateLocale } from '../i18n/index.ts';
import { clusterEvents, clusterText, eventQueue, eventRuns, eventTypeName, eventWords, isAboutQueue, ownEventText, withNews } from './event.ts';
import { eventTarget } from './event-target.ts';
import { loadServerWords } from './server-words.ts';

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
  it('of one sort in short order are one run in a list; what is wrong is not', () => {
    const joined = Array.from({ length: 6 }, (_, i) => event(100 - i));
    const all = [event(300), event(200, { type: 'deploy' }), ...joined, event(20), event(19, { source: 'other' })];
    expect(eventRuns(all).map((run) => run.length)).toEqual([1, 1, 6, 1, 1]);
    expect(eventRuns(joined.slice(0, 4)).map((run) => run.length)).toEqual([1, 1, 1, 1]);
    const broken = joined.map((one, i) => (i === 2 ? { ...one, severity: 'critical' as const } : one));
    expect(eventRuns(broken).every((run) => run.length === 1)).toBe(true);
  });
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
    expect(words('config_changed', 'sources added: new; other settings: shop (url), logs (redact_keys)')).toBe('sources ajoutées\u00a0: new\u00a0; autres réglages\u00a0: shop (url), logs (redact_keys)');
    await activateLocale('en');
  });
  it('of Vigie are put into words in a line of the log, too; what others told is not', async () => {
    await activateLocale('fr');
    await loadServerWords();
    expect(ownEventText('instance_down', 'haproxy', { subject: 'shop/shop-3', detail: 'h:1: connection refused' })).toBe('Instance en panne\u00a0: shop/shop-3 · h:1\u00a0: connexion refusée');
    expect(ownEventText('deploy', 'ci', { subject: 'api' })).toBeNull();
    await activateLocale('en');
  });
  it('of Vigie itself are about nobody else', () => {
    const started = event(0, { type: 'vigie_started', source: null, subject: null, message: 'Vigie started: 0.1.0', fields: { detail: '0.1.0' } });
    expect(clusterText({ at: 0, severity: 'info', events: [started] })).toMatch(/Vigie started: 0.1.0$/);
    expect(isAboutQueue(started, { source: 'main', kind: 'bull', queue: 'mail' })).toBe(true);
  });
  it('that others tell have a word in both languages, and of an unknown type one that can be read', async () => {
    expect(clusterText({ at: 0, severity: 'info', events: [event(0, { type: 'deploy', subject: null, message: 'v1.2' })] })).toMatch(/Deploy: main · v1.2$/);
    expect(['cache_flushed', 'cacheFlushed', 'k8s.pod-evicted', '_', 'été_fini', '\u202e'].map(eventTypeName)).toEqual(['Cache flushed', 'Cache flushed', 'K8s pod evicted', '_', 'Été fini', '‹U+202E›']);
    await activateLocale('fr');
    expect(['deploy', 'restart', 'cache_flushed'].map(eventTypeName)).toEqual(['Déploiement', 'Redémarrage', 'Cache flushed']);
    await activateLocale('en');
  });
});

const ids = (events: VigieEvent[]) => events.map(({ id }) => Number(id));
const targetOf = (type: string, change: Partial<VigieEvent> = {}) => eventTarget(event(0, { type, ...change }));

describe('events', () => {
  it('that are new stand in the order of their times, each once, and the oldest go', () => {
    expect(ids(withNews([event(4), event(2), event(3)], [event(3), event(1)]))).toEqual([4, 3, 2, 1]);
    const many = Array.from({ length: 2_000 }, (_, i) => event(2_000 - i));
    expect(ids(withNews([event(2_001)], many)).slice(-1)).toEqual([2]);
  });
  it('are those of a queue when they are about it, or about none', () => {
    const about = (queue: string, kind = 'bull', source = 'main') => event(1, { source, fields: { queue, kind } });
    const address = { source: 'main', kind: 'bull', queue: 'mail' };
    expect([about('mail'), about('pdf'), about('mail', 'asynq'), about('mail', 'bull', 'other'), event(1)].map((one) => isAboutQueue(one, address))).toEqual([true, false, false, false, true]);
    expect(isAboutQueue(about('pdf'), null)).toBe(true);
  });
  it('lead to what they are about', () => {
    expect(targetOf('worker_left', { subject: 'w1', fields: { queue: 'mail', kind: 'bull' } })).toEqual({ page: 'workers', q: 'w1' });
    expect(targetOf('queue_paused', { subject: 'mail', fields: { queue: 'mail', kind: 'bull' } })).toEqual({ page: 'queue', source: 'main', kind: 'bull', queue: 'mail' });
    expect(targetOf('instance_down', { subject: 'api/api-3' })).toEqual({ page: 'instances', q: 'api-3' });
    expect([targetOf('source_lost', { subject: null }), targetOf('config_changed')]).toEqual([{ page: 'sources' }, { page: 'sources' }]);
    expect(targetOf('restart', { fields: { instance: 'api-2' } })).toEqual({ page: 'instances', q: 'api-2' });
    expect(targetOf('deploy', { subject: 'api' })).toEqual({ page: 'logs', from: 1_799_999_940, to: 1_800_000_060 });
    // Of a kind that has no page of its own here, and without a source.
    expect(targetOf('alert', { fields: { queue: 'mail', kind: 'sqs' } }).page).toBe('logs');
  });
});
