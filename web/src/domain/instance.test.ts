import { describe, expect, it } from 'vitest';
import type { Instance } from '../api/instances.ts';
import { instanceMatches, instanceOrder, instanceTone, statusOf, versionOf } from './instance.ts';
import { instancesBy } from './instance-sort.ts';

const made = (instance: string, change: Partial<Instance> = {}): Instance => ({ source: 'lb', instance, role: 'api', status: 'up', ...change });

describe('instances', () => {
  it('tell the version of a host, unless they contradict each other', () => {
    const all = [made('a', { version: '1.2' }), made('a'), made('b', { version: '1' }), made('b', { version: '2' }), made('c')];
    expect(['a', 'b', 'c', 'd', null].map((name) => versionOf(all, [name]))).toEqual(['1.2', null, null, null, null]);
  });
  it('stand with the troubled first, then by name as one counts', () => {
    const all = [made('api-10'), made('api-2'), made('n8n', { status: 'unknown' }), made('x', { status: 'degraded' }), made('y', { status: 'down' })];
    expect(all.toSorted(instanceOrder).map(({ instance }) => instance)).toEqual(['y', 'x', 'n8n', 'api-2', 'api-10']);
  });
  it('of a source that is silent are unknown, whatever was last said', () => {
    expect(instanceTone(made('a', { status: 'down' }))).toBe('critical');
    expect(instanceTone(made('a', { status: 'down', stale: true }))).toBe('unknown');
    expect(instanceTone(made('a', { status: 'strange' as 'up' }))).toBe('unknown');
  });
  it('are sorted by any column, what is not known last in either direction', () => {
    const all = [made('a', { load: 3, version: '1.10.0' }), made('b', { status: 'down', since: '2026-01-01T00:00:00Z' }), made('c', { load: 41, version: '1.9.2', since: '2026-01-02T00:00:00Z' }), made('d', { status: 'up', stale: true })];
    const by = (...how: Parameters<typeof instancesBy>) => all.toSorted(instancesBy(...how)).map(({ instance }) => instance).join('');
    expect([by('load', 'desc'), by('load', 'asc')]).toEqual(['cabd', 'acbd']);
    expect([by('version', 'asc'), by('version', 'desc')]).toEqual(['cabd', 'acbd']);
    expect([by('since', 'asc'), by('since', 'desc')]).toEqual(['cbad', 'bcad']);
    expect([by('status', 'desc'), by('status', 'asc')]).toEqual(['bdac', 'acdb']);
    expect(by('name', 'desc')).toBe('dcba');
    expect(by('worst', 'desc')).toBe('bacd');
    expect(all.map(statusOf)).toEqual(['up', 'down', 'up', 'unknown']);
  });
  it('are found by each word, in any of what is said of them', () => {
    const one = made('api-1', { error: 'connection refused' });
    expect(instanceMatches(one, 'API refused')).toBe(true);
    expect(instanceMatches(one, 'api timeout')).toBe(false);
    expect(instanceMatches(one, '')).toBe(true);
  });
});
