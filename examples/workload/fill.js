// The load generator of both Node examples, apart from their libraries: bounds,
// what each queue holds, and a steady rate of changes.
import { parseArgs } from 'node:util';

import { sleep } from './lifecycle.js';

const CHUNK = 500;
const TICK_MS = 10;
const DAY_MS = 86_400_000;

const HELP = `Creates queues bench-0000, bench-0001, … of one kind and then changes some of them at a steady rate.

  node fill.js --queues 500 --jobs 100 --change 200 --seconds 30

  --queues N     number of queues, up to 5000, default 10
  --jobs N       jobs in each, up to 1,000,000 in all, default 100: four of five waiting, one of five delayed until tomorrow
  --hot N        queues in which something changes, default 10; real workers are there, so all of their first jobs are delayed
  --change R     jobs a second that are added to the hot queues and completed (two changes each), up to 2000, default 0
  --seconds S    how long to go on changing, default 0
  --prefix P     key prefix, default bull
  --lifeline     also exit when standard input ends
  REDIS_URL      redis://, rediss:// or unix:// address
It prints {"ready":true,…} when the queues are there and {"done":true,…} at the end.`;

/** The flags, checked against the bounds; `kind` goes into what is printed. */
export function fillFlags(kind) {
  const text = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({
    options: {
      queues: text('10'), jobs: text('100'), hot: text('10'), change: text('0'), seconds: text('0'), prefix: text('bull'),
      lifeline: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const [queues, jobs, hot, change, seconds] = ['queues', 'jobs', 'hot', 'change', 'seconds'].map((each) => Number(values[each]));
  const whole = [queues, jobs, hot].every((each) => Number.isInteger(each) && each >= 0);
  if (!whole || queues < 1 || queues > 5000 || queues * jobs > 1_000_000 || !(change >= 0 && change <= 2000) || !(seconds >= 0)) {
    console.error('outside of the bounds, see --help');
    process.exit(2);
  }
  return { ...values, kind, queues, jobs, change, seconds, hot: change > 0 && seconds > 0 ? Math.min(hot, queues) : 0 };
}

export function queueName(i) {
  return `bench-${String(i).padStart(4, '0')}`;
}

function job(n, delayed) {
  return { name: `type-${n % 4}`, data: { sleep_ms: 0 }, opts: delayed ? { delay: DAY_MS + n * 1000 } : {} };
}

/** Fills all queues through `addBulk(index, jobs)`. */
export async function create({ kind, queues, jobs, hot }, addBulk, signal) {
  const begin = Date.now();
  for (let i = 0; i < queues && !signal.aborted; i += 1) {
    const all = Array.from({ length: jobs }, (_, n) => job(n, i < hot || n % 5 === 4));
    for (let from = 0; from < jobs; from += CHUNK) await addBulk(i, all.slice(from, from + CHUNK));
  }
  console.log(JSON.stringify({ ready: true, kind, queues, jobs: queues * jobs, seconds: (Date.now() - begin) / 1000 }));
}

/** Adds jobs to the hot queues at the rate of the flags through `add(index, name, data, opts)`. */
export async function churn({ hot, change, seconds }, add, completed, signal) {
  if (hot === 0) return;
  const begin = Date.now();
  let sent = 0;
  while (Date.now() - begin < seconds * 1000 && (await sleep(TICK_MS, signal))) {
    const due = Math.floor(((Date.now() - begin) / 1000) * change);
    const adding = [];
    for (; sent < due; sent += 1) {
      adding.push(add(sent % hot, `type-${sent % 4}`, { sleep_ms: 0 }, { removeOnComplete: { count: 100 } }));
    }
    await Promise.all(adding);
  }
  await sleep(200);
  console.log(JSON.stringify({ done: true, enqueued: sent, completed: completed() }));
}
