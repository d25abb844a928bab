// From a change in Redis to Vigie's stream, and to the pixel.
// VIGIE_URL, REDIS_URL, ASYNQ_API (go-asynq's api --listen); node live.mjs [SAMPLES]. Prints one line of JSON.
import { createRequire } from 'node:module';
import { open, quit } from './browser.mjs';
import { median, sleep, spread } from './figures.mjs';
import { listen } from './stream.mjs';

const { Queue } = createRequire(new URL('peers/bull-board/package.json', import.meta.url))('bullmq');

const { VIGIE_URL, REDIS_URL, ASYNQ_API } = process.env;
const SAMPLES = Number(process.argv[2] ?? 100);
/** A change that is not seen by then is lost. */
const LOST_MS = 5000;
const NAMES = { bullmq: 'latency-events', asynq: 'latency-polled' };

const bullmq = new Queue(NAMES.bullmq, { connection: { url: REDIS_URL } });
const ADD = {
  bullmq: () => bullmq.add('sample', {}),
  async asynq() {
    const answer = await fetch(`${ASYNQ_API}/enqueue`, { method: 'POST', body: JSON.stringify({ type: 'email:send', queue: NAMES.asynq }) });
    if (answer.status !== 202) throw new Error(`enqueue answers ${answer.status}: ${await answer.text()}`);
  },
};

/** In the page: writes down when the cell of waiting jobs of each queue shows another figure, after that frame. */
function watchCells(names) {
  globalThis.shown = [];
  const last = {};
  const look = () => {
    for (const row of document.querySelectorAll('table.queues tbody tr')) {
      const name = names.find((each) => row.textContent.includes(each));
      const waiting = Number(row.cells[1]?.textContent);
      if (name === undefined || last[name] === waiting) continue;
      last[name] = waiting;
      // The next frame paints it; a task after that comes when it is painted.
      requestAnimationFrame(() => setTimeout(() => globalThis.shown.push({ name, waiting, at: Date.now() })));
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}

/** When each queue's figure changed on the stream, in the same form. */
const onStream = [];
const newest = new Map();
const stream = listen(`${VIGIE_URL}/api/v1/stream?topics=queues`, {
  heard(_, docs) {
    for (const { queue: name, waiting } of Object.values(docs.queues.rows)) {
      if (newest.get(name) === waiting) continue;
      newest.set(name, waiting);
      onStream.push({ name, waiting, at: Date.now() });
    }
  },
});

/** Changes at moments that have nothing to do with those at which Vigie looks. */
async function samples(kind) {
  const taken = [];
  for (let waiting = 2; waiting < SAMPLES + 2; waiting += 1) {
    await sleep(250 + Math.random() * 600);
    const before = Date.now();
    await ADD[kind]();
    taken.push({ name: NAMES[kind], waiting, before, after: Date.now() });
  }
  return taken;
}

/** A figure may be passed over by the next one: then that shows the change. */
function until(taken, seen) {
  const after = ({ name, waiting, before }) => seen.find((each) => each.name === name && each.waiting >= waiting)?.at - before;
  return spread(taken.map(after).filter((ms) => ms <= LOST_MS));
}

const sums = (taken, shown) => ({
  stream: until(taken, onStream), pixel: until(taken, shown), add: median(taken.map(({ before, after }) => after - before)), samples: taken.length,
});

await Promise.all(Object.values(ADD).map((add) => add()));
while (!Object.values(NAMES).every((name) => newest.get(name) === 1)) await sleep(50);
const { page } = await open();
await page.addInitScript(watchCells, Object.values(NAMES));
await page.goto(`${VIGIE_URL}/queues?q=latency`);
await page.locator('table.queues a[data-row]').nth(1).waitFor();
await sleep(2000);
const [events, polled] = await Promise.all([samples('bullmq'), samples('asynq')]);
await sleep(3000);
const shown = await page.evaluate(() => globalThis.shown);
console.log(JSON.stringify({ bullmq: sums(events, shown), asynq: sums(polled, shown) }));
stream.close();
await quit();
await bullmq.close();
