import type { Instance, InstanceStatus } from '../api/instances.ts';
import type { Tone } from '../ui/index.tsx';

/** What is known now: of one whose source does not answer, nothing is. */
export const statusOf = (instance: Instance): InstanceStatus =>
  instance.stale || !(instance.status in RANK) ? 'unknown' : instance.status;

/** Its own name, by which its log lines are found, where it tells one; else its source's name for it. */
export const calledOf = (instance: Instance): string => instance.name ?? instance.instance;

/** The worst first. */
export const RANK: Record<InstanceStatus, number> = { down: 0, degraded: 1, unknown: 2, up: 3 };
const rank = (instance: Instance): number => RANK[instance.status] ?? 2;

export const instanceTone = (instance: Instance): Tone =>
  ({ down: 'critical', degraded: 'warning', up: 'ok', unknown: 'unknown' } as const)[statusOf(instance)];

export const byText = (a: string, b: string): number => a.localeCompare(b, undefined, { numeric: true });
export const byName = (a: Instance, b: Instance): number =>
  byText(a.source, b.source) || byText(a.role, b.role) || byText(calledOf(a), calledOf(b)) || byText(a.instance, b.instance);

/** The troubled first, then by source, role and name. */
export const instanceOrder = (a: Instance, b: Instance): number => rank(a) - rank(b) || byName(a, b);

export function instanceMatches(instance: Instance, filter: string): boolean {
  const { instance: key, name, role, source, status, address, version, error, balancer, probe } = instance;
  const text = [key, name, role, source, status, address, version, error, balancer, probe].join(' ').toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The version that the instances of one of these names run; null where none tells one, or not all the same. */
export function versionOf(instances: readonly Instance[], names: readonly (string | null)[]): string | null {
  const told = new Set(instances.filter(({ instance, name }) => names.includes(instance) || (name && names.includes(name))).flatMap(({ version }) => (version ? [version] : [])));
  const [version] = told;
  return told.size === 1 && version !== undefined ? version : null;
}
