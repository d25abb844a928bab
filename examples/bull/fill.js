#!/usr/bin/env node
// Makes a Redis full of Bull queues for benches.
import Queue from 'bull';

import { create, churn, fillFlags, queueName } from '../workload/fill.js';
import { closeAndExit, untilStopped } from '../workload/lifecycle.js';
import { connect } from './connection.js';

const flags = fillFlags('bull');
const signal = untilStopped(flags);
const { report, createClient } = connect('bull-fill');
const queues = Array.from({ length: flags.queues }, (_, i) => {
  const queue = new Queue(queueName(i), { createClient, prefix: flags.prefix });
  queue.on('error', report);
  return queue;
});

await create(flags, (i, jobs) => queues[i].addBulk(jobs), signal);
let completed = 0;
for (const queue of queues.slice(0, flags.hot)) {
  queue.process('*', 4, async () => { completed += 1; }).catch(report);
}
await churn(flags, (i, name, data, opts) => queues[i].add(name, data, opts), () => completed, signal);
await closeAndExit(queues.map((queue) => () => queue.close()));
