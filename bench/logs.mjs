// The page of logs with many lines loaded, and more coming: main thread, long tasks, heap.
// VIGIE_URL; node logs.mjs LINES A_SECOND SECONDS. The lines are made up, by the same server as in the tests. Prints one line of JSON.
import { open, quit } from './browser.mjs';
import { sleep } from './figures.mjs';
import { beside } from '../web/e2e/beside.ts';

const [lines, rate, seconds] = process.argv.slice(2).map(Number);
const server = await beside(lines);
const { page, devtools } = await open();
await devtools.send('Performance.enable');
await page.goto(`${server.url}/logs`);
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
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - start) / 1_000) * rate);
  server.write(due - written);
  written = due;
}, 100);
await sleep(seconds * 1_000);
clearInterval(timer);
const [after, took] = [await cost(), (performance.now() - start) / 1_000];
const share = (name) => (after[name] - before[name]) / took;
const longTasks = await page.evaluate(() => globalThis.longTasks);
console.log(JSON.stringify({ loaded, written, then: await count(), few, full, heap: await heap(), main: share('TaskDuration'), cpu: share('ThreadTime'), script: share('ScriptDuration'), longTasks: longTasks.length, longest: Math.max(0, ...longTasks) }));
await quit();
await server.close();
process.exit(0);
