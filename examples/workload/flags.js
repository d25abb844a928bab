// The command line that the producers and workers of both Node examples share.
import { parseArgs } from 'node:util';

import { duration } from './lifecycle.js';

const SHARED = {
  demo: { type: 'boolean', default: false },
  ledger: { type: 'string' },
  name: { type: 'string' },
  prefix: { type: 'string', default: 'bull' },
  lifeline: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

const SHARED_HELP = `  --demo                a day in the life of a queue, endless
  --ledger FILE         ledger mode: append what happens to FILE, one JSON line a fact
  --name NAME           name in this process's own lines (and of the BullMQ worker)
  --prefix PREFIX       key prefix, default bull
  --lifeline            also exit when standard input ends
  REDIS_URL             redis://, rediss:// or unix:// address, default redis://127.0.0.1:6379/0
It ends on SIGTERM, SIGINT or the death of its parent, within 3 s.`;

function refuse(message) {
  console.error(`${message} (see --help)`);
  process.exit(2);
}

/** Parses the command line; `intro` and `help` are for --help. */
export function readFlags(options, intro, help) {
  let values;
  try {
    ({ values } = parseArgs({ options: { ...SHARED, ...options }, strict: true }));
  } catch (error) {
    refuse(error.message);
  }
  if (values.help) {
    console.log(`${intro}\n\n${help}\n${SHARED_HELP}`);
    process.exit(0);
  }
  if (values.demo === Boolean(values.ledger)) refuse('choose one mode: --demo or --ledger FILE');
  return values;
}

/** A number above 0 out of a flag. */
export function positive(text, flag) {
  const value = Number(text);
  if (!(value > 0)) refuse(`--${flag} must be a number above 0`);
  return value;
}

/** Reads "emails:6,search" as [{queue, concurrency}], with `fallback` where none is written. */
export function queueList(text, fallback) {
  return text.split(',').map((item) => {
    const [queue, concurrency = String(fallback)] = item.split(':');
    if (!queue) refuse('--queues: a queue has no name');
    return { queue, concurrency: positive(concurrency, 'queues') };
  });
}

export const PRODUCER_OPTIONS = {
  jobs: { type: 'string', default: '100' },
  rate: { type: 'string', default: '20' },
  run: { type: 'string', default: Date.now().toString(36) },
  seed: { type: 'string', default: '1' },
};

export const PRODUCER_HELP = `  --jobs N              ledger: how many jobs, default 100; then it exits
  --rate R              ledger: jobs a second, default 20
  --run ID              ledger: prefix of the job ids, default from the clock
  --seed N              equal seeds give equal workloads, default 1`;

export const WORKER_OPTIONS = {
  queues: { type: 'string' },
  concurrency: { type: 'string', default: '4' },
  'hang-queue': { type: 'string' },
  'hang-after': { type: 'string', default: '10s' },
  'hang-for': { type: 'string', default: '65s' },
  'hang-every': { type: 'string', default: '5m' },
  'lock-duration': { type: 'string', default: '30s' },
  'stalled-interval': { type: 'string', default: '30s' },
};

export const WORKER_HELP = `  --queues a:4,b:1      queues and how many jobs of each at once
  --concurrency N       for queues without a number, default 4
  --hang-queue Q        demo: jobs of Q that are taken while the window is open end only with it
  --hang-after 10s --hang-for 65s --hang-every 5m     that window
  --lock-duration 30s --stalled-interval 30s          the library's own settings, for tests with killed workers`;

/** The hang window of a worker's flags. */
export function hangWindow(flags) {
  try {
    return { after: duration(flags['hang-after']), length: duration(flags['hang-for']), every: duration(flags['hang-every']) };
  } catch (error) {
    return refuse(error.message);
  }
}

/** A duration flag in ms. */
export function millis(flags, name) {
  try {
    return duration(flags[name]);
  } catch (error) {
    return refuse(error.message);
  }
}
