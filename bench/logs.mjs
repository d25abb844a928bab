// The page of logs with many lines loaded, and more coming: main thread, long tasks, heap.
// VIGIE_URL; node logs.mjs LINES A_SECOND SECONDS. It pushes the lines itself. Prints one line of JSON.
import { open, quit } from './browser.mjs';
import { sleep } from './figures.mjs';

const { VIGIE_URL } = process.env;
const [lines, rate, seconds] = process.argv.slice(2).map(Number);
const BATCH = 2_000;

/** A line as a service writes it. */
function line(at, i) {
  const level = i % 41 === 0 ? 'error' : i % 13 === 0 ? 'warn' : i % 3 === 0 ? 'debug' : 'info';
  const message = level === 'error' ? `job ${i} failed: dial tcp 10.0.0.${i % 255}:5432: connection refused` : `job ${i} finished in ${(i % 900) / 100} s`;
  return JSON.stringify({ time: new Date(at).toISOString(), level, type: 'job', source: 'screen', instance: `api-${1 + (i % 3)}`, queue: i % 2 ? 'emails' : 'billing', job: String(i), message, attempt: i % 4 });
}

async function push(batch) {
  const answer = await fetch(`${VIGIE_URL}/api/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: batch.join('\n') });
  if (!answer.ok) throw new Error(`lines are answered with ${answer.status}: ${await answer.text()}`);
}

const begin = Date.now() - 600_000;
for (let from = 0; from < lines; from += BATCH) {
  await push(Array.from({ length: Math.min(BATCH, lines - from) }, (_, i) => line(begin + ((from + i) * 570_000) / lines, from + i)));
}
const { page, devtools } = await open();
await devtools.send('Performance.enable');
await page.goto(`${VIGIE_URL}/logs?source=screen`);
await page.locator('.log-list .msg').first().waitFor();
const cost = async () => Object.fromEntries((await devtools.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
const heap = async () => {
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.collectGarbage');
  return (await devtools.send('Runtime.getHeapUsage')).usedSize;
};
const few = await heap();
/** Page by page to the oldest line, then back to the end. */
const count = () => page.locator('.log-foot span').first().evaluate((foot) => Number(/^[\d,]+/.exec(foot.textContent)[0].replaceAll(',', '')));
const end = Date.now() + 180_000;
while (await count() < lines - 1_000 && Date.now() < end) {
  await page.locator('.log-list').evaluate((list) => { list.scrollTop = 0; });
  await page.getByRole('button', { name: 'Older lines' }).click({ timeout: 5_000 }).catch(() => {});
}
await page.locator('.log-list').evaluate((list) => { list.scrollTop = list.scrollHeight; });
await sleep(3_000);
await page.evaluate(() => {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((task) => task.duration))).observe({ type: 'longtask' });
});
const loaded = await count();
const [full, before, start] = [await heap(), await cost(), performance.now()];
let written = 0;
let failure = null;
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - start) / 1_000) * rate);
  push(Array.from({ length: due - written }, (_, i) => line(Date.now(), lines + written + i))).catch((error) => { failure ??= error; });
  written = due;
}, 100);
await sleep(seconds * 1_000);
clearInterval(timer);
if (failure) throw failure;
const [after, took] = [await cost(), (performance.now() - start) / 1_000];
const share = (name) => (after[name] - before[name]) / took;
const longTasks = await page.evaluate(() => globalThis.longTasks);
console.log(JSON.stringify({ loaded, written, then: await count(), few, full, heap: await heap(), main: share('TaskDuration'), cpu: share('ThreadTime'), script: share('ScriptDuration'), longTasks: longTasks.length, longest: Math.max(0, ...longTasks) }));
await quit();
process.exit(0);
