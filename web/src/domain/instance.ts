import type { Maybe } from '../api/contract.ts';
import type { Instance, InstanceStatus } from '../api/instances.ts';
import type { Tone } from '../ui/index.tsx';
import type { InstanceSort } from './instance-look.ts';
import type { Direction } from './order.ts';

/** What is known now: of one whose source does not answer, nothing is. */
export const statusOf = (instance: Instance): InstanceStatus =>
  instance.stale || !(instance.status in RANK) ? 'unknown' : instance.status;

const RANK: Record<InstanceStatus, number> = { down: 0, degraded: 1, unknown: 2, up: 3 };
const rank = (instance: Instance): number => RANK[instance.status] ?? 2;

export const instanceTone = (instance: Instance): Tone =>
  ({ down: 'critical', degraded: 'warning', up: 'ok', unknown: 'unknown' } as const)[statusOf(instance)];

const byText = (a: string, b: string): number => a.localeCompare(b, undefined, { numeric: true });
const byName = (a: Instance, b: Instance): number =>
  byText(a.source, b.source) || byText(a.role, b.role) || byText(a.instance, b.instance);

/** The troubled first, then by source, role and name. */
export const instanceOrder = (a: Instance, b: Instance): number => rank(a) - rank(b) || byName(a, b);

const FIGURES = {
  status: (instance) => -RANK[statusOf(instance)],
  since: (instance) => (instance.since ? -Date.parse(instance.since) : null),
  p50: (instance) => instance.latency?.p50,
  p95: (instance) => instance.latency?.p95,
  load: (instance) => instance.load,
  restarts: (instance) => instance.restarts,
} satisfies Partial<Record<InstanceSort, (instance: Instance) => Maybe<number>>>;

const TEXTS = {
  name: (instance) => instance.instance,
  version: (instance) => instance.version,
} satisfies Partial<Record<InstanceSort, (instance: Instance) => Maybe<string>>>;

/** What is not known comes last in either direction; what is alike, by source, role and name. */
function byKey<K>(key: (instance: Instance) => Maybe<K>, compare: (a: K, b: K) => number, direction: Direction) {
  const sign = direction === 'asc' ? 1 : -1;
  return (a: Instance, b: Instance): number => {
    const [left, right] = [key(a), key(b)];
    if (left === null || left === undefined) return right === null || right === undefined ? byName(a, b) : 1;
    if (right === null || right === undefined) return -1;
    return sign * compare(left, right) || byName(a, b);
  };
}

export function instancesBy(sort: InstanceSort, direction: Direction): (a: Instance, b: Instance) => number {
  if (sort === 'worst') return instanceOrder;
  if (sort === 'name' || sort === 'version') return byKey(TEXTS[sort], byText, direction);
  return byKey<number>(FIGURES[sort], (a, b) => a - b, direction);
}

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
