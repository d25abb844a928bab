// Writes what really happened, one JSON line a fact, into a file that belongs to
// one process. Each line is one write(2) on an O_APPEND file: a kill -9 loses
// nothing that was written before it.
import { openSync, writeSync } from 'node:fs';

let anchor = performance.timeOrigin;

/** Now in Unix milliseconds, with microseconds as decimals. */
export function now() {
  // The monotonic clock has the microseconds; where the wall clock was set or the machine slept, it is anchored anew.
  if (Math.abs(anchor + performance.now() - Date.now()) > 5) anchor = Date.now() - performance.now();
  return Math.round((anchor + performance.now()) * 1000) / 1000;
}

/** A ledger of `broker` at `path`; without a path its entries are dropped. */
export function openLedger(path, broker) {
  if (!path) return { write() {} };
  const file = openSync(path, 'a');
  return {
    write(entry) {
      const { t = now(), what, queue, type, job, attempt = 0, ...rest } = entry;
      writeSync(file, `${JSON.stringify({ t, what, broker, queue, type, job, attempt, ...rest, pid: process.pid })}\n`);
    },
  };
}
