// Does the work of one attempt: obeys the job's data and writes down when it
// began and how it ended.
import { left } from './day.js';
import { hangWindow } from './flags.js';
import { openLedger } from './ledger.js';
import { sleep } from './lifecycle.js';

export class PlannedFailure extends Error {
  constructor(fatal) {
    super(fatal ? 'planned failure: the request is invalid' : 'planned failure: upstream answered 503');
    this.fatal = fatal;
  }
}

/**
 * A function that runs one attempt: `start` is its first act, `finish` the last before it returns or throws.
 * An attempt that is interrupted by the end of the process has a start and no finish. In the demo each attempt that fails is a log line.
 */
export function makeWork(flags, { broker, name, signal }) {
  const ledger = openLedger(flags.ledger, broker);
  const hang = hangWindow(flags);
  const tell = flags.demo ? tellAs(name) : () => {};
  const begin = Date.now();
  return async ({ queue, type, job, attempt, data }) => {
    const entry = { queue, type, job, attempt };
    ledger.write({ what: 'start', ...entry });
    const hanging = queue === flags['hang-queue'] ? left(hang, Date.now() - begin) : 0;
    if (hanging > 0) await sleep(hanging, signal);
    await sleep(Number(data?.sleep_ms) || 0);
    // A hang cut short by the shutdown must not count as work done: wait for the end of the process.
    if (hanging > 0 && signal.aborted) await new Promise(() => {});
    const failed = data?.fatal === true || attempt <= (data?.fail ?? 0);
    ledger.write({ what: 'finish', ...entry, outcome: failed ? 'failed' : 'succeeded' });
    if (failed) {
      const failure = new PlannedFailure(data.fatal === true);
      tell({ level: 'error', type: 'job', queue, job, message: `${type} failed: ${failure.message}`, task: type, attempt });
      throw failure;
    }
    return { n: data?.n ?? null };
  };
}

/** Writes log lines of the process `name` to standard output, as JSON. */
function tellAs(name) {
  return (line) => console.log(JSON.stringify({ time: new Date().toISOString(), instance: name, ...line }));
}
