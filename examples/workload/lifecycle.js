// Ends a process when it is told to, when its parent dies, or when its shutdown
// takes too long: a killed demo must leave nothing behind.

const PARENT_POLL_MS = 500;
// The promise to the parent is 3 s from signal to exit; a job has 1.2 s of it to finish.
const SHUTDOWN_LIMIT_MS = 2500;
const JOBS_LIMIT_MS = 1200;

/** An AbortSignal that fires on SIGTERM, SIGINT, the death of the parent or, with lifeline, the end of standard input. */
export function untilStopped({ lifeline = false } = {}) {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    // Expected when Redis is away: the libraries then wait for it even to say goodbye.
    setTimeout(() => process.exit(0), SHUTDOWN_LIMIT_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_POLL_MS).unref();
  if (lifeline) process.stdin.on('end', stop).on('error', stop).resume();
  return controller.signal;
}

/** Waits; resolves to true when the time went by, to false when the signal came first. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve(false);
      return;
    }
    const done = (value) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      resolve(value);
    };
    const aborted = () => done(false);
    const timer = setTimeout(() => done(true), ms);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** Resolves when the signal fires. */
export async function stopped(signal) {
  while (await sleep(2 ** 30, signal));
}

/** Lets the closing actions finish, but not for longer than a job may take at shutdown, then exits. */
export async function closeAndExit(actions) {
  const closing = Promise.allSettled(actions.map((action) => action()));
  await Promise.race([closing, sleep(JOBS_LIMIT_MS)]);
  process.exit(0);
}

/** Reads "10s", "5m" or "250ms" as milliseconds. */
export function duration(text) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) throw new Error(`"${text}" is not a duration: write 250ms, 10s or 5m`);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2]];
}
