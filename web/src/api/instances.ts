/** Topic `instances` of the stream; the same as `/api/v1/instances` but for the last five. */
import type { Instant, Maybe } from './contract.ts';

export type InstanceStatus = 'up' | 'down' | 'degraded' | 'unknown';

export interface Instance {
  source: string;
  instance: string;
  role: string;
  status: InstanceStatus;
  since?: Maybe<Instant>;
  /** Seconds, over the last five minutes. */
  latency?: Maybe<{ p50?: Maybe<number>; p95?: Maybe<number> }>;
  load?: Maybe<number>;
  version?: Maybe<string>;
  balancer?: Maybe<string>;
  probe?: Maybe<string>;
  error?: Maybe<string>;
  address?: Maybe<string>;
  /** What it calls itself, as its log lines do. */
  name?: Maybe<string>;
  /** Its source does not answer. */
  stale?: Maybe<boolean>;
  /** The load balancer says up and the probe down, or the reverse. */
  disagree?: Maybe<boolean>;
  leader?: Maybe<boolean>;
  restarts?: Maybe<number>;
}
