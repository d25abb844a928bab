// A day in the life of a queue: what is enqueued when, and when a worker hangs.
// Pure (time is an argument), so the same seed gives the same day.
import { Rand } from './plan.js';

/** A stretch of time that comes back: begins at `after`, lasts `length`, anew every `every` ms (0: once). */
export function left({ after, length, every }, elapsed) {
  if (!(length > 0) || elapsed < after) return 0;
  const into = every > 0 ? (elapsed - after) % every : elapsed - after;
  return Math.max(0, length - into);
}

// The first burst comes early, so that the first twenty seconds already show something.
export const BURST = { after: 14_000, length: 6_000, every: 180_000 };
export const BAD_SPELL = { after: 70_000, length: 40_000, every: 300_000 };
export const RESUMED = { after: 220_000, length: 15_000, every: 300_000 };

/**
 * Flow: {queue, types:[…], perSecond, sleepMs:[low, high], opening (waiting from the start), bursts, badSpells,
 * delayed (share that is scheduled), prioritized (share), forget (no trace of completed jobs)}.
 */
export class Day {
  #rand;
  #flows;
  #n = 0;

  constructor(seed, flows) {
    this.#rand = new Rand(seed);
    this.#flows = flows.map((flow) => ({ ...flow, next: 0 }));
  }

  /** What already waits when the curtain rises. */
  opening() {
    return this.#flows.flatMap((flow) => Array.from({ length: flow.opening ?? 0 }, () => this.#job(flow, 0)));
  }

  /** The jobs whose time has come between the last call and `elapsed` (ms). */
  due(elapsed) {
    const jobs = [];
    for (const flow of this.#flows) {
      while (flow.next <= elapsed) {
        jobs.push(this.#job(flow, elapsed));
        const rate = flow.perSecond * (flow.bursts && left(BURST, elapsed) > 0 ? 10 : 1);
        flow.next += (-Math.log(1 - this.#rand.float()) / rate) * 1000;
      }
    }
    return jobs;
  }

  #job(flow, elapsed) {
    const rand = this.#rand;
    this.#n += 1;
    const data = { n: this.#n, sleep_ms: rand.between(...flow.sleepMs) };
    const job = { queue: flow.queue, type: flow.types[rand.between(0, flow.types.length - 1)], data, attempts: 4, delayMs: 0, flow };
    const failing = flow.badSpells && left(BAD_SPELL, elapsed) > 0 ? 0.5 : 0.06;
    const x = rand.float();
    if (x < 0.01) data.fatal = true;
    else if (x < 0.02) Object.assign(job, { attempts: 3 }) && (data.fail = 3);
    else if (x < failing) data.fail = rand.between(1, 2);
    if (rand.float() < (flow.delayed ?? 0)) job.delayMs = rand.between(10_000, 80_000);
    if (rand.float() < (flow.prioritized ?? 0)) job.priority = rand.between(1, 5);
    return job;
  }
}
