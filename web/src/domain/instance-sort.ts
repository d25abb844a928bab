import type { Maybe } from '../api/contract.ts';
import type { Instance } from '../api/instances.ts';
import { byName, byText, calledOf, instanceOrder, RANK, statusOf } from './instance.ts';
import type { InstanceSort } from './instance-look.ts';
import type { Direction } from './order.ts';

const FIGURES = {
  status: (instance) => -RANK[statusOf(instance)],
  since: (instance) => (instance.since ? -Date.parse(instance.since) : null),
  p50: (instance) => instance.latency?.p50,
  p95: (instance) => instance.latency?.p95,
  load: (instance) => instance.load,
  restarts: (instance) => instance.restarts,
} satisfies Partial<Record<InstanceSort, (instance: Instance) => Maybe<number>>>;

const TEXTS = {
  name: calledOf,
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
