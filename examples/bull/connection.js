// Bull wants a client, a subscriber and, for each queue, a blocking client: the
// first two are shared by all queues of the process.
import IORedis from 'ioredis';

import { redisOptions, watchLink } from '../workload/redislink.js';

/** Connects; `createClient` is the option of Bull's Queue, `report` its error listener. */
export function connect(name) {
  const connection = new IORedis(redisOptions());
  const link = watchLink(connection, name);
  // Every queue of the process listens on the shared clients: many listeners are no leak here.
  const open = () => new IORedis(redisOptions()).setMaxListeners(0).on('error', link.report);
  let subscriber;
  const createClient = (kind) => {
    if (kind === 'client') return connection;
    if (kind === 'subscriber') return (subscriber ??= open());
    return open();
  };
  connection.setMaxListeners(0);
  return { connection, link, report: link.report, createClient };
}
