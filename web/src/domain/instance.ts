import type { Instance, InstanceStatus } from '../api/instances.ts';
import type { Tone } from '../ui/index.tsx';

const RANK: Record<InstanceStatus, number> = { down: 0, degraded: 1, unknown: 2, up: 3 };
const rank = (instance: Instance): number => RANK[instance.status] ?? 2;

export const instanceTone = (instance: Instance): Tone =>
  instance.stale ? 'unknown' : (({ down: 'critical', degraded: 'warning', up: 'ok', unknown: 'unknown' } as const)[instance.status] ?? 'unknown');

/** The troubled first, then by source, role and name. */
export const instanceOrder = (a: Instance, b: Instance): number =>
  rank(a) - rank(b) || a.source.localeCompare(b.source) || a.role.localeCompare(b.role) || a.instance.localeCompare(b.instance, undefined, { numeric: true });

export function instanceMatches(instance: Instance, filter: string): boolean {
  const { instance: name, role, source, status, address, version, error, balancer, probe } = instance;
  const text = [name, role, source, status, address, version, error, balancer, probe].join(' ').toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The version that the instances of one of these names run; null where none tells one, or not all the same. */
export function versionOf(instances: readonly Instance[], names: readonly (string | null)[]): string | null {
  const told = new Set(instances.filter(({ instance }) => names.includes(instance)).flatMap(({ version }) => (version ? [version] : [])));
  const [version] = told;
  return told.size === 1 && version !== undefined ? version : null;
}
