/** `/api/v1/queue/failed`: jobs whose last attempt failed, newest first. */
import { getJson, type QueueAddress } from './client.ts';
import type { Instant, Maybe } from './contract.ts';

export interface FailedJob {
  id: string;
  type?: Maybe<string>;
  /** For good, or to be tried again. */
  state: 'failed' | 'retry';
  time?: Maybe<Instant>;
  attempt?: Maybe<number>;
  attempts?: Maybe<number>;
  /** At most 2,000 bytes, as the handler said it. */
  error?: Maybe<string>;
  /** What the broker keeps is too long to be read. */
  too_long: boolean;
  worker?: Maybe<string>;
  instance?: Maybe<string>;
  wait_seconds?: Maybe<number>;
  run_seconds?: Maybe<number>;
  trace?: Maybe<string>;
}
export interface FailedJobs {
  at: Instant;
  jobs: FailedJob[];
  /** Jobs that were not looked at because there are too many; some of them may wait for another attempt. */
  unseen: number;
}

/** As many as the server tells. */
const MOST = 50;

export const fetchFailed = ({ source, kind, queue }: QueueAddress, signal: AbortSignal): Promise<FailedJobs> =>
  getJson('/api/v1/queue/failed', { source, queue, kind, limit: MOST }, signal);
