import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { base } from './base.ts';

/**
 * A server before the Vigie under test that adds what only a watched system could: instances and lines of a made-up service, in
 * the shapes of the API. Everything else is Vigie's own answer.
 */
export interface Beside {
  url: string;
  /** Adds lines as of now. */
  write(count: number, message?: string): void;
  /** From now on the lines' paths answer this problem; null to be well again. */
  fail(detail: string | null): void;
  close(): Promise<void>;
}

interface Entry {
  time: string;
  level: string;
  type: string;
  source: string;
  instance: string;
  queue: string | null;
  job: string | null;
  trace: string | null;
  message: string;
  fields: Record<string, unknown>;
}

const LEVELS = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const HOSTILE = '<script>alert(1)</script> "quoted" and \u202eturned\nsecond line';

const since = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

export const INSTANCES = {
  'lb/api/api-1': { source: 'lb', instance: 'api-1', role: 'api', status: 'up', since: since(7_200), latency: { p50: 0.012, p95: 0.048 }, load: 3, version: '1.4.2', balancer: 'UP', probe: 'ok', address: '127.0.0.1:9001', stale: false, disagree: false, restarts: 0 },
  'lb/api/api-2': { source: 'lb', instance: 'api-2', role: 'api', status: 'degraded', since: since(40), latency: { p50: 0.9, p95: 4.2 }, load: 41, version: '1.4.1', balancer: 'UP', probe: 'HTTP 503', error: 'HAProxy says UP (L7OK); the probe says 503 Service Unavailable after 5.0 s', stale: false, disagree: true, restarts: 2 },
  'lb/api/api-3': { source: 'lb', instance: 'api-3', role: 'api', status: 'down', since: since(95), latency: {}, balancer: 'DOWN', error: 'dial tcp 127.0.0.1:9003: connect: connection refused', stale: false, disagree: false, restarts: 1 },
  'n8n/worker/n8n-worker-2': { source: 'n8n', instance: 'n8n-worker-2', role: 'worker', status: 'unknown', since: since(600), latency: {}, stale: true, disagree: false },
};

function line(at: number, i: number, message?: string): Entry {
  const level = i % 41 === 0 ? 'error' : i % 13 === 0 ? 'warn' : i % 3 === 0 ? 'debug' : 'info';
  const said = message ?? (i % 97 === 0 ? HOSTILE : level === 'error' ? `job ${i} failed: dial tcp 10.0.0.${i % 255}:5432: connection refused` : `job ${i} finished in ${(i % 900) / 100} s`);
  return { time: new Date(at).toISOString(), level, type: 'job', source: i % 5 === 0 ? 'n8n' : 'go-api', instance: `api-${1 + (i % 3)}`, queue: i % 2 ? 'emails' : 'billing', job: String(i), trace: `trace-${Math.floor(i / 10)}`, message: said, fields: i % 7 === 0 ? { attempt: i % 4, user: `u${i % 50}` } : {} };
}

function keep(entries: Entry[], query: URLSearchParams): Entry[] {
  // All times are written alike, in UTC and to the millisecond: as text they stand in their order, too.
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? '9'];
  const begin = entries.findLastIndex(({ time }) => time < from) + 1;
  const least = LEVELS.indexOf(query.get('level') ?? 'unknown');
  const q = query.get('q');
  const pattern = q && /^\/.+\/$/s.test(q) ? new RegExp(q.slice(1, -1)) : null;
  return entries.slice(begin).filter((entry) => {
    if (entry.time > to || LEVELS.indexOf(entry.level) < least) return false;
    if (q && !(pattern ? pattern.test(entry.message) : entry.message.toLowerCase().includes(q.toLowerCase()))) return false;
    return (['type', 'source', 'instance', 'queue', 'job', 'trace'] as const).every((name) => !query.has(name) || entry[name] === query.get(name));
  });
}

/** Newest first, `limit` a page; the cursor is how many were given before. */
function page(entries: Entry[], query: URLSearchParams) {
  const found = keep(entries, query).toReversed();
  const [skip, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit') ?? 100)];
  return { entries: found.slice(skip, skip + limit), next: found.length > skip + limit ? String(skip + limit) : null };
}

function histogram(entries: Entry[], query: URLSearchParams) {
  const step = Number(query.get('step'));
  const steps = [...Map.groupBy(keep(entries, query), ({ time }) => Math.floor(Date.parse(time) / 1_000 / step))].toSorted(([a], [b]) => a - b);
  return {
    step_seconds: step,
    steps: steps.map(([at, all]) => ({
      time: new Date(at * step * 1_000).toISOString(), total: all.length,
      counts: Object.fromEntries([...Map.groupBy(all, ({ level }) => level)].map(([level, own]) => [level, own.length])),
    })),
  };
}

function facets(entries: Entry[], query: URLSearchParams) {
  const found = keep(entries, query);
  const of = (name: 'level' | 'type' | 'source' | 'instance' | 'queue') =>
    [...Map.groupBy(found, (entry) => entry[name] ?? '')].map(([value, all]) => ({ value, count: all.length })).toSorted((a, b) => b.count - a.count);
  return { total: found.length, level: of('level'), type: of('type'), source: of('source'), instance: of('instance'), queue: of('queue') };
}

type Answer = http.ServerResponse;
const json = (response: Answer, body: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': status === 200 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify(body));
};

/** A topic of log lines that a stream has asked for. */
interface Tail {
  topic: string;
  response: Answer;
}

const isTail = (topic: string): boolean => topic === 'logs' || topic.startsWith('logs:');
const isOurs = (topic: string): boolean => topic === 'instances' || isTail(topic);
const tell = ({ topic, response }: Tail, lines: Entry[]) =>
  response.write(`event: lines\ndata: ${JSON.stringify({ topic, at: new Date().toISOString(), lines, skipped: 0 })}\n\n`);

/** Passes a stream on by whole messages, so that others may stand between them. */
function byMessages(answer: http.IncomingMessage, response: Answer): void {
  let rest = '';
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    rest += chunk;
    const end = rest.lastIndexOf('\n\n') + 2;
    if (end < 2) return;
    response.write(rest.slice(0, end));
    rest = rest.slice(end);
  });
  answer.on('end', () => response.end());
}

/** Vigie's answer; on its stream the made-up instances and lines instead of its own. */
function onward(request: http.IncomingMessage, response: Answer, tails: Set<Tail>): void {
  const url = new URL(request.url ?? '/', base);
  const topics = url.searchParams.get('topics')?.split(',') ?? [];
  const adds = url.pathname === '/api/v1/stream' && topics.some(isOurs);
  if (adds) url.searchParams.set('topics', topics.filter((topic) => !isOurs(topic)).join(',') || 'sources');
  const headers = { ...request.headers, host: url.host, ...(adds ? { 'accept-encoding': 'identity' } : {}) };
  const asked = http.request(url, { method: request.method ?? 'GET', headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (adds && topics.includes('instances')) response.write(`event: snapshot\ndata: ${JSON.stringify({ topic: 'instances', at: new Date().toISOString(), doc: { rows: INSTANCES } })}\n\n`);
    const own = adds ? topics.filter(isTail).map((topic) => ({ topic, response })) : [];
    for (const tail of own) {
      tails.add(tail);
      tell(tail, []);
    }
    response.on('close', () => { for (const tail of own) tails.delete(tail); });
    if (adds) byMessages(answer, response);
    else answer.pipe(response);
  });
  response.on('close', () => asked.destroy());
  asked.on('error', () => response.destroy());
  request.pipe(asked);
}

export async function beside(lines = 3_000): Promise<Beside> {
  const begin = Date.now() - 600_000;
  const entries = Array.from({ length: lines }, (_, i) => line(begin + (i * 570_000) / lines, i));
  const tails = new Set<Tail>();
  let problem: string | null = null;
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', base);
    if (problem !== null && pathname.startsWith('/api/v1/logs')) json(response, { title: 'Bad request', status: 400, detail: problem }, 400);
    else if (pathname === '/api/v1/logs') json(response, page(entries, searchParams));
    else if (pathname === '/api/v1/logs/histogram') json(response, histogram(entries, searchParams));
    else if (pathname === '/api/v1/logs/facets') json(response, facets(entries, searchParams));
    else if (pathname === '/api/openapi.json') {
      void fetch(new URL(pathname, base)).then(async (answer) => {
        const document = (await answer.json()) as { paths: Record<string, unknown> };
        json(response, { ...document, paths: { '/api/v1/instances': {}, '/api/v1/logs': {}, ...document.paths } });
      });
    } else onward(request, response, tails);
  });
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done); });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    write(count, message) {
      const news = Array.from({ length: count }, (_, i) => line(Date.now(), entries.length + i, message));
      entries.push(...news);
      for (const tail of tails) {
        const wanted = keep(news, new URLSearchParams(tail.topic.slice('logs:'.length)));
        if (wanted.length > 0) tell(tail, wanted);
      }
    },
    fail(detail) { problem = detail; },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => { server.close(done); });
    },
  };
}
