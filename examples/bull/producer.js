#!/usr/bin/env node
// Enqueues: the demo's endless day, or a counted ledger run.
import Queue from 'bull';

import { PRODUCER_HELP, PRODUCER_OPTIONS, readFlags } from '../workload/flags.js';
import { closeAndExit, stopped, untilStopped } from '../workload/lifecycle.js';
import { playDay, runLedger } from '../workload/produce.js';
import { connect } from './connection.js';
import { FLOWS, LEDGER_QUEUES } from './queues.js';

const INTRO = `Enqueues Bull jobs.

  node producer.js --demo
  node producer.js --ledger producer.jsonl --jobs 200 --rate 50`;
// Enough of what is finished to look at, and a bound for an endless demo.
const KEPT = { removeOnComplete: { count: 200 }, removeOnFail: { count: 500 } };

const flags = readFlags(PRODUCER_OPTIONS, INTRO, PRODUCER_HELP);
const name = flags.name ?? 'bull-producer';
const signal = untilStopped(flags);
const { link, report, createClient } = connect(name);
const queues = new Map();

function queue(queueName) {
  if (!queues.has(queueName)) {
    const made = new Queue(queueName, { createClient, prefix: flags.prefix });
    made.on('error', report);
    queues.set(queueName, made);
  }
  return queues.get(queueName);
}

function addDemoJob({ queue: queueName, type, data, attempts, delayMs, priority, flow }) {
  return queue(queueName).add(type, data, {
    attempts,
    delay: delayMs,
    priority,
    backoff: { type: 'exponential', delay: 700 },
    ...KEPT,
    ...(flow.forget ? { removeOnComplete: true } : {}),
  });
}

async function demo() {
  await queue('mail').add('reminder', { sleep_ms: 40 }, { repeat: { every: 15_000 }, ...KEPT });
  await playDay(flags, {
    flows: FLOWS,
    link,
    queue,
    add: addDemoJob,
    waiting: async (queueName) => {
      const counts = await queue(queueName).getJobCounts();
      return counts.waiting + (counts.paused ?? 0);
    },
  }, signal);
}

const ledgerRun = () => runLedger(flags, {
  broker: 'bull',
  queues: LEDGER_QUEUES,
  report,
  add: ({ queue: queueName, type, id, data, attempts, delayMs }) =>
    queue(queueName).add(type, data, { jobId: id, attempts, delay: delayMs, backoff: { type: 'fixed', delay: 200 } }),
}, signal);

try {
  await Promise.race([flags.demo ? demo() : ledgerRun(), stopped(signal)]);
} catch (error) {
  console.error(`${name}: ${error.message}`);
  process.exit(1);
}
await closeAndExit([...queues.values()].map((each) => () => each.close()));
