// The two ways of enqueueing, apart from any queue library: `add` is the
// library's own, handed in.
import { Day, RESUMED, left } from './day.js';
import { positive } from './flags.js';
import { now, openLedger } from './ledger.js';
import { sleep } from './lifecycle.js';
import { ledgerJob, total } from './plan.js';

const TICK_MS = 100;
const CHECK_MS = 2000;
// Between these a growing queue is fed or left to drain: endless, not unbounded.
const GROW_UNTIL = 1500;
const GROW_AGAIN = 300;

const seedOf = (flags) => Math.trunc(Number(flags.seed)) || 0;

/** Only on a change: each call is told to everybody who listens, even when nothing changes. */
async function setPaused(queue, paused) {
  if ((await queue.isPaused()) === paused) return;
  await (paused ? queue.pause() : queue.resume());
}

/**
 * Plays the day until the signal. `stage` = {flows, link, queue(name), add(job), waiting(name)}. What falls due while Redis is
 * away is dropped: a demo has nothing to lose.
 */
export async function playDay(flags, stage, signal) {
  const day = new Day(seedOf(flags), stage.flows);
  const full = new Set();
  const enqueue = async (jobs) => {
    for (const job of jobs) if (stage.link.up && !full.has(job.queue)) await stage.add(job);
  };
  const check = async (elapsed) => {
    for (const flow of stage.flows.filter((each) => each.limit || each.grows)) {
      const waiting = await stage.waiting(flow.queue);
      if (waiting > (flow.limit ?? GROW_UNTIL)) full.add(flow.queue);
      else if (!flow.grows || waiting < GROW_AGAIN) full.delete(flow.queue);
      if (flow.paused) await setPaused(stage.queue(flow.queue), left(RESUMED, elapsed) === 0);
    }
  };
  await check(0);
  await enqueue(day.opening());
  let elapsed = 0;
  let last = Date.now();
  let checked = 0;
  while (await sleep(TICK_MS, signal)) {
    // After a suspend the day goes on where it stopped, without catching up.
    elapsed += Math.min(Date.now() - last, 1000);
    last = Date.now();
    await enqueue(day.due(elapsed));
    if (elapsed - checked > CHECK_MS && stage.link.up) {
      checked = elapsed;
      await check(elapsed);
    }
  }
}

/**
 * Enqueues exactly so many jobs at the rate of the flags; `queues` says the queue of each type. An add that failed is sent
 * again under the same id until the broker has it: both libraries ignore an id that they know, so nothing is lost and nothing
 * doubled.
 */
export async function runLedger(flags, { broker, queues, add, report }, signal) {
  const [jobs, rate] = [positive(flags.jobs, 'jobs'), positive(flags.rate, 'rate')];
  const [seed, types, ledger] = [seedOf(flags), Object.keys(queues), openLedger(flags.ledger, broker)];
  const begin = Date.now();
  for (let n = 0; n < jobs; n += 1) {
    const wait = begin + (n / rate) * 1000 - Date.now();
    if (!(await sleep(Math.max(0, wait), signal))) throw new Error(`stopped after ${n} of ${jobs} jobs`);
    const job = ledgerJob(seed, n, types);
    const entry = { what: 'enqueue', queue: queues[job.type], type: job.type, job: `${flags.run}-${n}` };
    if (job.delayMs > 0) entry.delay_ms = job.delayMs;
    const t = now();
    for (;;) {
      try {
        await add({ ...job, queue: entry.queue, id: entry.job });
        break;
      } catch (error) {
        report(error);
        if (!(await sleep(100, signal))) throw new Error(`stopped before job ${entry.job} was taken`, { cause: error });
      }
    }
    // The broker took the job at some moment in [t, t + took_ms].
    ledger.write({ ...entry, t, took_ms: Math.round((now() - t) * 1000) / 1000 });
  }
  console.log(JSON.stringify(total(seed, jobs, types)));
}

