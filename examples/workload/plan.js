// Decides, from a seed alone, what each job of a run does. The Go example holds
// the same algorithm (internal/plan): one seed means one workload everywhere.

/** mulberry32: the same numbers in Go and JavaScript. For workloads, never for secrets. */
export class Rand {
  #state;

  constructor(seed) {
    this.#state = seed | 0;
  }

  uint32() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** The next number in [0, 1). */
  float() {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number in [low, high]. */
  between(low, high) {
    return low + Math.floor(this.float() * (high - low + 1));
  }
}

// Every 20 jobs hold: ok 13, retry1 2, retry2 1, exhaust 1, fatal 1, delayed 2.
const MIXTURE = [
  'ok', 'ok', 'retry1', 'ok', 'ok', 'delayed', 'ok', 'ok', 'fatal', 'ok',
  'ok', 'retry2', 'ok', 'ok', 'exhaust', 'ok', 'retry1', 'ok', 'delayed', 'ok',
];
const SLEEPS_MS = [5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 500];

/**
 * Job n (from 0) of the ledger run with this seed over these job types.
 * `data` is what the job carries: {n, sleep_ms, fail (this many first attempts fail), fatal (never retried)}.
 */
export function ledgerJob(seed, n, types) {
  const rand = new Rand((seed + Math.imul(n, 0x9e3779b1)) | 0);
  const data = { n, sleep_ms: SLEEPS_MS[rand.between(0, SLEEPS_MS.length - 1)] };
  const kind = MIXTURE[n % MIXTURE.length];
  const job = { kind, type: types[(n + Math.floor(n / MIXTURE.length)) % types.length], data, attempts: 4, delayMs: 0 };
  if (kind === 'retry1') data.fail = 1;
  if (kind === 'retry2') data.fail = 2;
  if (kind === 'exhaust') {
    data.fail = 3;
    job.attempts = 3;
  }
  if (kind === 'fatal') data.fatal = true;
  if (kind === 'delayed') job.delayMs = rand.between(1000, 3000);
  return job;
}

/** What the first `jobs` jobs come to when no worker dies. */
export function total(seed, jobs, types) {
  const sum = { jobs, succeeded: 0, failed_for_good: 0, failed_attempts: 0, delayed: 0 };
  for (let n = 0; n < jobs; n += 1) {
    const job = ledgerJob(seed, n, types);
    if (job.kind === 'fatal' || job.kind === 'exhaust') {
      sum.failed_for_good += 1;
      sum.failed_attempts += job.kind === 'fatal' ? 1 : job.attempts;
    } else {
      sum.succeeded += 1;
      sum.failed_attempts += job.data.fail ?? 0;
      if (job.delayMs > 0) sum.delayed += 1;
    }
  }
  return sum;
}
