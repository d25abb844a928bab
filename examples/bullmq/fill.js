#!/usr/bin/env node
// Makes a Redis full of BullMQ queues for benches.
import { Queue, Worker } from 'bullmq';

import { create, churn, fillFlags, queueName } from '../workload/fill.js';
import { closeAndExit, untilStopped } from '../workload/lifecycle.js';
import { connect } from './connection.js';

const flags = fillFlags('bullmq');
const signal = untilStopped(flags);
const { connection, report } = connect('bullmq-fill');
const options = { connection, prefix: flags.prefix };
const queues = Array.from({ length: flags.queues }, (_, i) => {
  const queue = new Queue(queueName(i), options);
  queue.on('error', report);
  return queue;
});

await create(flags, (i, jobs) => queues[i].addBulk(jobs), signal);
let completed = 0;
const workers = queues.slice(0, flags.hot).map((queue) => {
  const worker = new Worker(queue.name, async () => { completed += 1; }, { ...options, concurrency: 4 });
  worker.on('error', report);
  return worker;
});
await churn(flags, (i, name, data, opts) => queues[i].add(name, data, opts), () => completed, signal);
await closeAndExit([...workers, ...queues].map((each) => () => each.close()));
