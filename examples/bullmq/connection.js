// One Redis connection for the process; BullMQ opens a blocking one for each worker itself.
import IORedis from 'ioredis';

import { redisOptions, watchLink } from '../workload/redislink.js';

/** Connects; `report` is the error listener for everything of BullMQ's own. */
export function connect(name) {
  const connection = new IORedis(redisOptions());
  const link = watchLink(connection, name);
  return { connection, link, report: link.report };
}
