// What Explore costs the page's main thread with 10,000 series over 30 days, one doing after the other.
// node explore.mjs URL [RANGE]   prints one line of JSON: for each doing the processor time of the main thread, its longest
// task, the points that were asked for and how large the answers were.
import { open, quit } from './browser.mjs';
import { sleep } from './figures.mjs';

const [base, range = '30d'] = process.argv.slice(2);
const EVERYTHING = '{queue!=""}';
/** No label of the month has so many values: the answer is invented, at the border of the page. */
const VALUES = 10_000;
/** A task that is felt. */
const LONG_MS = 100;

const { page, devtools, leave } = await open();
const wire = { points: 0, bytes: 0 };
page.on('request', (request) => {
  const asked = new URLSearchParams(request.postData() ?? '');
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(asked.get(name)));
  if (request.url().endsWith('/api/v1/query_range') && step > 0) wire.points = Math.floor((end - start) / step) + 1;
});
const sizes = [];
page.on('requestfinished', (request) => {
  if (request.url().endsWith('/api/v1/query_range')) sizes.push(request.sizes().then(({ responseBodySize }) => { wire.bytes += responseBodySize; }, () => undefined));
});

/** The tasks of the page's main thread meanwhile, in milliseconds of processor time: what other programs take is not in it. */
async function traced(act) {
  const events = [];
  const hear = ({ value }) => events.push(...value);
  devtools.on('Tracing.dataCollected', hear);
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline', '__metadata'] } });
  const began = performance.now();
  await act();
  const took = performance.now() - began;
  // What the doing set off (a frame, an effect) belongs to it.
  await sleep(400);
  const done = new Promise((end) => { devtools.once('Tracing.tracingComplete', end); });
  await devtools.send('Tracing.end');
  await done;
  devtools.off('Tracing.dataCollected', hear);
  const mains = new Set(events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = events.filter(({ name, pid, tid, tdur }) => name === 'RunTask' && tdur > 0 && mains.has(`${pid} ${tid}`)).map(({ tdur }) => tdur / 1_000);
  return { took, cpu: tasks.reduce((sum, cpu) => sum + cpu, 0), longest: Math.max(0, ...tasks), long: tasks.filter((cpu) => cpu > LONG_MS).length };
}

let drawn = '';
const doings = [];
async function doing(name, act) {
  Object.assign(wire, { points: 0, bytes: 0 });
  const figures = await traced(act);
  await Promise.all(sizes.splice(0));
  doings.push({ name, ...figures, points: wire.points, bytes: wire.bytes });
}

const PATIENCE = { timeout: 120_000 };
const idle = () => page.locator('.answers-card:not(.busy) table tbody tr[data-row], .answers-card:not(.busy) .series table tbody tr td bdi').first().waitFor(PATIENCE);
const canvas = () => page.locator('.series-chart canvas').first().waitFor(PATIENCE);
const box = () => page.locator('.series-chart .u-over').first().boundingBox();
const link = (query, view) => `${base}/explore?${new URLSearchParams({ q: query, range, ...(view ? { view } : {}) })}`;

await page.goto(`${base}/explore`);
await page.locator('textarea').first().waitFor(PATIENCE);
await sleep(1_500);
await doing('10,000 series: chart and table', async () => {
  await page.goto(link(EVERYTHING));
  await canvas();
  await idle();
});
await doing('pointer over the chart, 40 moves', async () => {
  const { x, y, width, height } = await box();
  for (let i = 0; i < 40; i += 1) await page.mouse.move(x + (width * (i + 1)) / 42, y + height * (0.2 + 0.6 * ((i * 7) % 10) / 10));
});
await doing('scroll the table to its end', async () => {
  const table = page.locator('.scroll.series');
  await table.hover();
  for (let i = 0; i < 10; i += 1) await page.mouse.wheel(0, 3_000);
  await table.evaluate((element) => { element.scrollTop = element.scrollHeight; });
});
await doing('sort the table', async () => {
  await page.locator('.series th button').last().click();
  await sleep(300);
});
await doing('type into the query', async () => {
  await page.locator('textarea').first().click();
  await page.keyboard.press('End');
  await page.keyboard.type(' * 1', { delay: 40 });
  await page.keyboard.press('Escape');
});
await doing('draw as many lines as it offers', async () => {
  await page.locator('.note.few button').click();
  await page.locator('.note.few button').waitFor({ state: 'detached', ...PATIENCE });
  drawn = await page.locator('.note.few').textContent();
  await canvas();
});
await doing('pointer over those lines, 40 moves', async () => {
  const { x, y, width, height } = await box();
  for (let i = 0; i < 40; i += 1) await page.mouse.move(x + (width * (i + 1)) / 42, y + height * (0.2 + 0.6 * ((i * 7) % 10) / 10));
});
await doing('brush', async () => {
  const { x, y, width, height } = await box();
  await page.mouse.move(x + width * 0.4, y + height / 2);
  await page.mouse.down();
  for (let i = 1; i <= 10; i += 1) await page.mouse.move(x + width * (0.4 + i * 0.02), y + height / 2);
  await page.mouse.up();
  await page.locator('.answers-card.busy').waitFor({ timeout: 5_000 }).catch(() => undefined);
  await idle();
});
await doing('double click back', async () => {
  const { x, y, width, height } = await box();
  await page.mouse.dblclick(x + width / 2, y + height / 2);
  await page.locator('.answers-card.busy').waitFor({ timeout: 5_000 }).catch(() => undefined);
  await idle();
});
await doing('to the table', async () => {
  await page.getByRole('button', { name: 'Table', exact: true }).click();
  await idle();
});
await page.route('**/api/v1/label/queue/values*', (route) => route.fulfill({ json: { status: 'success', data: Array.from({ length: VALUES }, (_, i) => `queue-of-some-tenant-${String((i * 7919) % VALUES).padStart(5, '0')}`) } }));
await page.goto(`${base}/explore`);
await page.locator('textarea').first().waitFor(PATIENCE);
await doing(`completion among ${VALUES} values`, async () => {
  await page.locator('textarea').first().click();
  await page.keyboard.type('vigie_queue_jobs{queue="', { delay: 30 });
  await page.locator('.proposal-list [role=option]').nth(20).waitFor(PATIENCE);
  await page.keyboard.type('tenant-0', { delay: 60 });
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
});
for (const [name, path] of [['Now', '/'], ['a queue', '/queues/main/asynq/bench-0003']]) {
  await doing(`page of ${name}`, async () => {
    await page.goto(`${base}${path}?range=${range}`);
    await page.locator('.chart[aria-busy=false] canvas').first().waitFor(PATIENCE);
  });
}
console.log(JSON.stringify({ doings, drawn }));
await leave();
await quit();
