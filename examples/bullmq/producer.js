#!/usr/bin/env node
// Enqueues: the demo's endless day, or a counted ledger run.
import { FlowProducer, Queue } from 'bullmq';

import { PRODUCER_HELP, PRODUCER_OPTIONS, readFlags } from '../workload/flags.js';
import { closeAndExit, sleep, stopped, untilStopped } from '../workload/lifecycle.js';
import { playDay, runLedger } from '../workload/produce.js';
import { connect } from './connection.js';
import { FLOWS, LEDGER_QUEUES, ORDER_FLOW } from './queues.js';

const INTRO = `Enqueues BullMQ jobs.

  node producer.js --demo
  node producer.js --ledger producer.jsonl --jobs 200 --rate 50`;
// Enough of what is finished to look at, and a bound for an endless demo.
const KEPT = { removeOnComplete: { count: 200 }, removeOnFail: { count: 500 } };

const flags = readFlags(PRODUCER_OPTIONS, INTRO, PRODUCER_HELP);
const name = flags.name ?? 'bullmq-producer';
const signal = untilStopped(flags);
const { connection, link, report } = connect(name);
const queues = new Map();

function queue(queueName) {
  if (!queues.has(queueName)) {
    const made = new Queue(queueName, { connection, prefix: flags.prefix });
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

/** Every few seconds an order that waits for its three stock checks. */
async function placeOrders() {
  const flows = new FlowProducer({ connection, prefix: flags.prefix });
  flows.on('error', report);
  for (let n = 0; await sleep(ORDER_FLOW.everyMs, signal); n += 1) {
    if (!link.up) continue;
    const child = (i) => ({
      name: 'reserve-stock', queueName: ORDER_FLOW.childQueue, data: { n: i, sleep_ms: 300 + 250 * (n % 4) }, opts: KEPT,
    });
    await flows.add({
      name: 'fulfil-order', queueName: ORDER_FLOW.parentQueue, data: { n, sleep_ms: 80 }, opts: KEPT, children: [0, 1, 2].map(child),
    });
  }
}

async function demo() {
  await queue('search').upsertJobScheduler('refresh', { every: 15_000 }, { name: 'index-document', data: { sleep_ms: 40 }, opts: KEPT });
  await Promise.all([
    placeOrders(),
    playDay(flags, {
      flows: FLOWS,
      link,
      queue,
      add: addDemoJob,
      waiting: (queueName) => queue(queueName).getWaitingCount(),
      }, signal),
  ]);
}

const ledgerRun = () => runLedger(flags, {
  broker: 'bullmq',
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
