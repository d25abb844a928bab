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

const onStream = new Map();
const stream = listen(`${VIGIE_URL}/api/v1/stream?topics=queues`, {
  heard(_, docs) {
    for (const row of Object.values(docs.queues.rows)) {
      const key = `${row.queue} ${row.waiting}`;
      if (!onStream.has(key)) onStream.set(key, Date.now());
    }
  },
});

async function samples(kind) {
  const name = NAMES[kind];
  const taken = [];
  for (let waiting = 2; waiting < SAMPLES + 2; waiting += 1) {
    await sleep(50 + Math.random() * 500);
    const before = Date.now();
    await ADD[kind]();
    const sample = { name, waiting, before, after: Date.now() };
    while (!onStream.has(`${name} ${waiting}`) && Date.now() - before < LOST_MS) await sleep(5);
    taken.push(sample);
  }
  return taken;
}

function sums(taken, shown) {
  const pixels = new Map(shown.map(({ name, waiting, at }) => [`${name} ${waiting}`, at]));
  const until = (seen) => taken.map(({ name, waiting, before }) => seen.get(`${name} ${waiting}`) - before).filter((ms) => ms >= 0);
  return { stream: spread(until(onStream)), pixel: spread(until(pixels)), add: median(taken.map(({ before, after }) => after - before)), samples: taken.length };
}

await Promise.all(Object.values(ADD).map((add) => add()));
while (!Object.values(NAMES).every((name) => onStream.has(`${name} 1`))) await sleep(50);
const { page } = await open();
await page.addInitScript(watchCells, Object.values(NAMES));
await page.goto(`${VIGIE_URL}/queues?q=latency`);
await page.locator('table.queues a[data-row]').nth(1).waitFor();
await sleep(2000);
const [events, polled] = await Promise.all([samples('bullmq'), samples('asynq')]);
await sleep(1000);
const shown = await page.evaluate(() => globalThis.shown);
console.log(JSON.stringify({ bullmq: sums(events, shown), asynq: sums(polled, shown) }));
stream.close();
await quit();
await bullmq.close();
