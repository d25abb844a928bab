#!/usr/bin/env node
// Works: the demo's jobs or a ledger run's.
import Queue from 'bull';

import { WORKER_HELP, WORKER_OPTIONS, millis, positive, queueList, readFlags } from '../workload/flags.js';
import { closeAndExit, stopped, untilStopped } from '../workload/lifecycle.js';
import { makeWork } from '../workload/work.js';
import { connect } from './connection.js';

const INTRO = `Works on Bull queues.

  node worker.js --demo --name w1 --queues mail:4,thumbs:4
  node worker.js --ledger w1.jsonl --name w1`;
const QUEUES = 'mail,pdf';

const flags = readFlags(WORKER_OPTIONS, INTRO, WORKER_HELP);
const name = flags.name ?? 'bull-worker';
const signal = untilStopped(flags);
const { report, createClient } = connect(name);
const work = makeWork(flags, { broker: 'bull', name, signal });

async function perform(job) {
  try {
    return await work({ queue: job.queue.name, type: job.name, job: String(job.id), attempt: job.attemptsMade + 1, data: job.data });
  } catch (error) {
    if (error.fatal) await job.discard();
    throw error;
  }
}

const workers = queueList(flags.queues ?? QUEUES, positive(flags.concurrency, 'concurrency')).map(({ queue, concurrency }) => {
  const worker = new Queue(queue, {
    createClient,
    prefix: flags.prefix,
    settings: { lockDuration: millis(flags, 'lock-duration'), stalledInterval: millis(flags, 'stalled-interval') },
  });
  worker.on('error', report);
  // One processor for all names: with one each, Bull would add up their concurrencies.
  worker.process('*', concurrency, perform).catch(report);
  return worker;
});
console.log(`${name}: working on ${workers.length} queues`);
await stopped(signal);
await closeAndExit(workers.map((worker) => () => worker.close()));
