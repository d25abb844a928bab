import type { Kind, VigieEvent } from '../api/contract.ts';
import { eventQueue, field } from './event.ts';

/** The page of what an event is about, and how it is found there. */
export type EventTarget =
  | { page: 'queue'; source: string; kind: Kind; queue: string }
  | { page: 'workers' | 'instances'; q: string }
  | { page: 'sources' }
  /** Nothing that has a page: what was written around it, Unix seconds. */
  | { page: 'logs'; from: number; to: number };

const AROUND_SECONDS = 60;

/** Where one looks next. */
export function eventTarget(event: VigieEvent): EventTarget {
  const about = event.type.split('_')[0];
  const subject = event.subject ?? '';
  if (about === 'worker' && subject !== '') return { page: 'workers', q: subject };
  // An instance is named with its role before it.
  if (about === 'instance' && subject !== '') return { page: 'instances', q: subject.slice(subject.indexOf('/') + 1) };
  if (about === 'source' || about === 'config') return { page: 'sources' };
  const queue = eventQueue(event);
  if (queue) return { page: 'queue', ...queue };
  const instance = field(event, 'instance');
  if (instance !== null) return { page: 'instances', q: instance };
  const at = Date.parse(event.time) / 1_000;
  return { page: 'logs', from: Math.floor(at - AROUND_SECONDS), to: Math.ceil(at + AROUND_SECONDS) };
}
