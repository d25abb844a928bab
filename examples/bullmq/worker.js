#!/usr/bin/env node
// Works: the demo's jobs or a ledger run's.
import { UnrecoverableError, Worker } from 'bullmq';

import { WORKER_HELP, WORKER_OPTIONS, millis, positive, queueList, readFlags } from '../workload/flags.js';
import { closeAndExit, stopped, untilStopped } from '../workload/lifecycle.js';
import { makeWork } from '../workload/work.js';
import { connect } from './connection.js';

const INTRO = `Works on BullMQ queues.

  node worker.js --demo --name w1 --queues emails:4,search:4
  node worker.js --ledger w1.jsonl --name w1`;
const QUEUES = 'emails,search,media';

const flags = readFlags(WORKER_OPTIONS, INTRO, WORKER_HELP);
const name = flags.name ?? 'bullmq-worker';
const signal = untilStopped(flags);
const { connection, report } = connect(name);
const work = makeWork(flags, { broker: 'bullmq', name, signal });

async function perform(job) {
  try {
    return await work({ queue: job.queueName, type: job.name, job: job.id, attempt: job.attemptsMade + 1, data: job.data });
  } catch (error) {
    throw error.fatal ? new UnrecoverableError(error.message) : error;
  }
}

const workers = queueList(flags.queues ?? QUEUES, positive(flags.concurrency, 'concurrency')).map(({ queue, concurrency }) => {
  const worker = new Worker(queue, perform, {
    connection,
    prefix: flags.prefix,
    name,
    concurrency,
    lockDuration: millis(flags, 'lock-duration'),
    stalledInterval: millis(flags, 'stalled-interval'),
  });
  worker.on('error', report);
  return worker;
});
console.log(`${name}: working on ${workers.length} queues`);
await stopped(signal);
await closeAndExit(workers.map((worker) => () => worker.close()));
