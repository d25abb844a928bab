/**
 * The shapes on the wire as the screen reads them; `contract.check.ts` holds them against the OpenAPI document.
 * Times are RFC 3339 text in UTC, durations float seconds; `null` or a missing field means "not known", never 0.
 */
export type Instant = string;
export type Quality = 'exact' | 'gap' | 'sampled';
export type Kind = 'asynq' | 'bull' | 'bullmq' | 'n8n' | 'redis';
export type Severity = 'ok' | 'warning' | 'critical' | 'unknown';
type JobState = 'waiting' | 'active' | 'scheduled' | 'retry' | 'completed' | 'failed' | 'blocked';
export type Maybe<T> = T | null | undefined;

export type VerdictCode =
  | QueueReason | 'starting' | 'no_source' | 'no_queues' | 'all_up' | 'source_down' | 'instances_down' | 'instances_degraded' | 'overdue' | 'not_kept' | 'flowing' | 'idle';
/** What can be the matter with one queue. */
type QueueReason = 'stuck_workers_idle' | 'stuck_jobs_hang' | 'no_workers' | 'paused_waiting' | 'does_not_drain' | 'failing';

export interface Clue {
  severity: Severity;
  code: VerdictCode;
  source?: Maybe<string>;
  kind?: Maybe<Kind>;
  queue?: Maybe<string>;
  since?: Maybe<Instant>;
  values: Record<string, Maybe<number | string>>;
  text: string;
}
export interface Verdict extends Clue {
  also?: Maybe<Clue[]>;
  /** How many more clues there are than `also` holds. */
  more?: Maybe<number>;
}

export interface Stat {
  count: number;
  avg?: Maybe<number>;
  min?: Maybe<number>;
  max?: Maybe<number>;
  p50?: Maybe<number>;
  p95?: Maybe<number>;
  p99?: Maybe<number>;
  window_seconds: number;
  quality: Quality;
}
export interface Totals {
  enqueued: number;
  succeeded: number;
  failed: number;
  processed: number;
  since: Instant;
  quality: Quality;
}
export interface JobType {
  type: string;
  succeeded: number;
  failed: number;
  wait: Stat;
  run: Stat;
}
export interface ActiveJob {
  id: string;
  type?: Maybe<string>;
  since?: Maybe<Instant>;
  worker?: Maybe<string>;
}
type JobCounts = Partial<Record<JobState, Maybe<number>>>;

export interface QueueStatus {
  source: string;
  kind: Kind;
  queue: string;
  paused: boolean;
  stale: boolean;
  age_seconds?: Maybe<number>;
  jobs: JobCounts;
  totals: Totals;
  rates: { window_seconds: number; enqueued: Maybe<number>; processed: Maybe<number>; failed: Maybe<number> };
  oldest_seconds?: Maybe<number>;
  drain_seconds?: Maybe<number>;
  drains?: Maybe<boolean>;
  workers?: Maybe<number>;
  capacity?: Maybe<number>;
  busy?: Maybe<number>;
  wait: Stat;
  run: Stat;
  types: JobType[];
}
export interface QueueDetail extends QueueStatus {
  active_jobs: ActiveJob[];
  events: VigieEvent[];
  raw: Record<string, Maybe<number>>;
}
export interface Worker {
  id: string;
  source: string;
  kind: Kind;
  name: string;
  host?: Maybe<string>;
  /** What its lines are signed with. */
  instance?: Maybe<string>;
  pid?: Maybe<number>;
  address?: Maybe<string>;
  queues: string[];
  capacity?: Maybe<number>;
  busy?: Maybe<number>;
  status?: Maybe<string>;
  started?: Maybe<Instant>;
  heartbeat?: Maybe<Instant>;
  stale: boolean;
  /** In the stream: alive, and nothing consumed since then although its queues have waiting jobs. */
  idle_since?: Maybe<Instant>;
  /** The same in REST answers. */
  idle_seconds?: Maybe<number>;
  /** Null when the broker does not tell. */
  jobs?: Maybe<(ActiveJob & { queue: string })[]>;
}
export interface SourceCheck {
  id: string;
  state: 'ok' | 'missing' | 'warning' | 'unknown';
  detail: string;
  fix?: Maybe<string>;
}
export interface Source {
  source: string;
  /** What the configuration calls it: `redis`, `haproxy`, `file`, … */
  kind: string;
  /** The brokers found in it. */
  kinds: Kind[];
  url: string;
  up: boolean;
  since?: Maybe<Instant>;
  /** In REST answers; the stream sends `seen` in its place. */
  age_seconds?: Maybe<number>;
  /** In the stream: when the last good poll was. */
  seen?: Maybe<Instant>;
  poll_seconds?: Maybe<number>;
  poll_interval_seconds: number;
  error?: Maybe<string>;
  hint?: Maybe<string>;
  redis_version?: Maybe<string>;
  product?: Maybe<string>;
  version?: Maybe<string>;
  mode?: Maybe<string>;
  queues: Partial<Record<Kind, number>>;
  cost?: Maybe<{ round_trips: number; commands: number; redis_cpu_seconds?: Maybe<number>; bytes_in?: Maybe<number> }>;
  checks: SourceCheck[];
}
export interface VigieEvent {
  id: string;
  time: Instant;
  type: string;
  severity: 'ok' | 'info' | 'warning' | 'critical';
  source?: Maybe<string>;
  subject?: Maybe<string>;
  message: string;
  /** Of Vigie's own: `kind`, `queue`, `worker` and `detail`. Of others: anything. */
  fields?: Maybe<Record<string, unknown>>;
}

export interface Overview {
  queues: number;
  waiting?: Maybe<number>;
  active?: Maybe<number>;
  scheduled?: Maybe<number>;
  retry?: Maybe<number>;
  failed_jobs?: Maybe<number>;
  in_rate?: Maybe<number>;
  out_rate?: Maybe<number>;
  failed_rate?: Maybe<number>;
  error_ratio?: Maybe<number>;
  wait_p95?: Maybe<number>;
  run_p95?: Maybe<number>;
  workers?: Maybe<number>;
  capacity?: Maybe<number>;
  busy?: Maybe<number>;
  oldest_at?: Maybe<Instant>;
  quality: Quality;
  sources_up: number;
  sources: number;
}
export interface LatencyHistogram {
  window_seconds: number;
  bounds_seconds: number[];
  counts: number[];
  count: number;
  avg?: Maybe<number>;
  min?: Maybe<number>;
  max?: Maybe<number>;
  p50?: Maybe<number>;
  p95?: Maybe<number>;
  p99?: Maybe<number>;
  quality: Quality;
}
/** The columns of a history, and the figures of one point of it. */
export const COLUMNS = [
  'waiting', 'active', 'scheduled', 'retry', 'in_rate', 'out_rate', 'failed_rate',
  'wait_p50', 'wait_p95', 'run_p50', 'run_p95', 'workers', 'capacity', 'busy',
] as const;
export type Column = (typeof COLUMNS)[number];
export type Point = { t: Instant } & Partial<Record<Column, Maybe<number>>>;
export interface History {
  at: Instant;
  start: Instant;
  step_seconds: number;
  columns: Partial<Record<Column, Maybe<number>[]>>;
}
export interface Sparks {
  at: Instant;
  step_seconds: number;
  rows: Record<string, Maybe<number>[]>;
}
export interface Row {
  source: string;
  kind: Kind;
  queue: string;
  severity: Severity;
  reason?: Maybe<QueueReason>;
  paused: boolean;
  stale: boolean;
  waiting?: Maybe<number>;
  active?: Maybe<number>;
  scheduled?: Maybe<number>;
  retry?: Maybe<number>;
  completed?: Maybe<number>;
  failed?: Maybe<number>;
  blocked?: Maybe<number>;
  oldest_at?: Maybe<Instant>;
  in_rate?: Maybe<number>;
  out_rate?: Maybe<number>;
  failed_rate?: Maybe<number>;
  error_ratio?: Maybe<number>;
  drain_seconds?: Maybe<number>;
  drains?: Maybe<boolean>;
  wait_p95?: Maybe<number>;
  run_p95?: Maybe<number>;
  workers?: Maybe<number>;
  capacity?: Maybe<number>;
  busy?: Maybe<number>;
  quality: Quality;
}

export interface NowDoc {
  verdict: Verdict;
  overview: Overview;
  latency: LatencyHistogram;
  point?: Maybe<Point>;
}
/** A queue as its topic tells it: the figures of its row, and all the rest. Ages are times, so that they tick here. */
export interface LiveQueue extends Row {
  seen?: Maybe<Instant>;
  totals: Totals;
  wait: Stat;
  run: Stat;
  types?: Maybe<JobType[]>;
  active_jobs?: Maybe<ActiveJob[]>;
  events?: Maybe<VigieEvent[]>;
  raw?: Maybe<Record<string, Maybe<number>>>;
}
export interface QueueDoc {
  queue?: Maybe<LiveQueue>;
  point?: Maybe<Point>;
}
export type Rows<T> = { rows: Record<string, T> };

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
}

type Answer<T> = { content: { 'application/json': T } };
type Fault = { content: { 'application/problem+json': Problem } };
type Get<Parameters, T> = {
  parameters: Parameters;
  get: { parameters: Parameters; responses: { 200: Answer<T>; default: Fault } };
};
type Query<T> = { query?: T; path?: never; header?: never; cookie?: never };

/** What openapi-fetch reads; the generated `schema.d.ts` exports the same name. */
export interface paths {
  '/api/v1/history': Get<
    Query<{ source?: string; kind?: string; queue?: string; range_seconds?: number; step_seconds?: number }>,
    History
  >;
  '/api/v1/sparks': Get<Query<{ points?: number }>, Sparks>;
  '/api/v1/queue/{source}/{queue}': Get<
    { query?: { kind?: string }; path: { source: string; queue: string }; header?: never; cookie?: never },
    QueueDetail
  >;
}
