import createClient from 'openapi-fetch';
import type { History, paths, Problem, QueueDetail, Sparks } from './contract.ts';

/** An answer other than 2xx, or none at all; the message is what the server said, fit to be shown. */
export class ApiFault extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiFault';
    this.status = status;
  }
}

const client = createClient<paths>({ baseUrl: globalThis.location?.origin ?? '' });

function fault(response: Response, error: Problem | undefined): ApiFault {
  return new ApiFault(response.status, error?.detail ?? error?.title ?? `HTTP ${response.status}`);
}

async function unwrap<T>(answer: Promise<{ data?: T; error?: Problem; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (data === undefined) throw fault(response, error);
  return data;
}

export interface QueueAddress {
  source: string;
  kind: string;
  queue: string;
}

export function fetchHistory(address: QueueAddress | null, signal: AbortSignal): Promise<History> {
  const query = { ...address, range_seconds: 900, step_seconds: 1 };
  return unwrap(client.GET('/api/v1/history', { params: { query }, signal }));
}

export function fetchSparks(signal: AbortSignal): Promise<Sparks> {
  return unwrap(client.GET('/api/v1/sparks', { params: { query: { points: 60 } }, signal }));
}

/** Without a kind the server answers 409 when several brokers have a queue of that name. */
export function fetchQueue(source: string, queue: string, kind?: string): Promise<QueueDetail> {
  const params = { path: { source, queue }, query: kind ? { kind } : {} };
  return unwrap(client.GET('/api/v1/queue/{source}/{queue}', { params }));
}

export async function fetchOpenApi(): Promise<unknown> {
  const response = await fetch('/api/openapi.json', { headers: { accept: 'application/json' } });
  if (!response.ok) throw fault(response, undefined);
  return response.json();
}
