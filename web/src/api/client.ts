import { sentence } from '../i18n/index.ts';
import type { History, Problem, QueueDetail, Sparks } from './contract.ts';

/** An answer other than 2xx, or none at all; the message is what the server said, fit to be shown. */
export class ApiFault extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiFault';
    this.status = status;
  }
}

type Parameters = Record<string, string | number | undefined>;

/** A GET that says what the server said when it says no. */
export async function getJson<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) if (value !== undefined) search.set(key, String(value));
  const response = await fetch(`${path}?${search}`, { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) }).catch((fault: unknown) => {
    // What a browser says to no answer is in its own words and its own language.
    throw fault instanceof TypeError ? new ApiFault(0, sentence('fault.unreachable')) : fault;
  });
  if (!response.ok) {
    const problem = (await response.json().catch(() => null)) as (Problem & { error?: string }) | null;
    throw new ApiFault(response.status, problem?.detail ?? problem?.error ?? problem?.title ?? `HTTP ${response.status}`);
  }
  return (await response.json()) as T;
}

export interface QueueAddress {
  source: string;
  kind: string;
  queue: string;
}

export const fetchHistory = (address: QueueAddress | null, signal: AbortSignal): Promise<History> =>
  getJson('/api/v1/history', { ...address, range_seconds: 900, step_seconds: 1 }, signal);

export const fetchSparks = (signal: AbortSignal): Promise<Sparks> => getJson('/api/v1/sparks', { points: 60 }, signal);

/** Without a kind the server answers 409 when several brokers have a queue of that name. */
export const fetchQueue = (source: string, queue: string, kind?: string): Promise<QueueDetail> =>
  getJson(`/api/v1/queue/${encodeURIComponent(source)}/${encodeURIComponent(queue)}`, { kind });

export const fetchOpenApi = (): Promise<unknown> => getJson('/api/openapi.json', {});
