// Hours of an open dashboard in minutes: does the heap grow?
// VIGIE_URL; node soak.mjs HOURS SECONDS: as many hours as these seconds are enough for. Prints one line of JSON.
//
// Between the browser and Vigie stands a proxy that passes everything on but the stream. Of that it records what Vigie says in
// some seconds, and replays it over and over: one recorded second a tick, with the times moved on, so that for the page an
// hour is 3,600 ticks. From the bytes of the stream on, all is the real code: worker, documents, charts, tables. A minute of it
// goes out at a time, and the next one when every page has drawn a frame after it, so that nothing piles up.
import http from 'node:http';
import { open, quit } from './browser.mjs';
import { sleep } from './figures.mjs';
import { listen } from './stream.mjs';

const { VIGIE_URL } = process.env;
const [hours, most] = process.argv.slice(2).map(Number);
const RECORDED_SECONDS = 20;
/** The pages' buffers hold a quarter of an hour: what they need for that is no growth. */
const WARM_TICKS = 1_200;
const SAMPLES = 16;
const BATCH = 60;
const TIME = /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** Two patches (RFC 7396) as one. */
function both(first, second) {
  const whole = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const isPart = value !== null && typeof value === 'object' && !Array.isArray(value);
    const before = whole[key];
    whole[key] = isPart && before !== null && typeof before === 'object' && !Array.isArray(before) ? both(before, value) : value;
  }
  return whole;
}

/** What Vigie says of everything in some seconds: the documents at the beginning, then of each second a message a topic. */
async function record() {
  const seconds = [];
  let docs;
  const stream = listen(`${VIGIE_URL}/api/v1/stream?topics=now,queues,workers,sources`, {
    heard({ topic, at, doc, patch }, now) {
      if (doc) docs = structuredClone(now);
      else {
        const second = (seconds[Math.floor(Date.parse(at) / 1_000)] ??= {});
        second[topic] = { topic, at, patch: both(second[topic]?.patch ?? {}, patch) };
      }
    },
  });
  await sleep(RECORDED_SECONDS * 1_000);
  stream.close();
  const whole = Object.entries(seconds).slice(1, -1);
  return { docs, seconds: whole.map(([, messages]) => Object.values(messages)), from: Number(whole[0][0]) * 1_000, length: whole.length };
}

const { docs, seconds, from, length } = await record();

/** The time of the replay, milliseconds ahead of the recorded one. */
const moved = (text, ahead) => text.replaceAll(TIME, (time) => new Date(Date.parse(time) + ahead).toISOString());

/** Those that are open, and how many there ever were. */
const streams = new Set();
let begun = 0;
let due = 0;
const reached = () => Math.min(...[...streams].map(({ ticks }) => ticks));

/** A stream that says as many seconds as are due. */
function replay(request, response) {
  const topics = new URL(request.url, VIGIE_URL).searchParams.get('topics').split(',');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const say = (event, ahead, body) => response.write(`event: ${event}\ndata: ${moved(JSON.stringify(body), ahead)}\n\n`);
  const start = Date.now() - from;
  for (const topic of topics) if (docs[topic]) say('snapshot', start, { topic, at: new Date(from).toISOString(), doc: docs[topic] });
  const own = { ticks: 0 };
  streams.add(own);
  begun += 1;
  const pump = () => {
    for (; own.ticks < due && !response.writableNeedDrain; own.ticks += 1) {
      const round = Math.floor(own.ticks / length);
      const ahead = start + round * length * 1_000;
      for (const message of seconds[own.ticks % length]) if (topics.includes(message.topic)) say('patch', ahead, message);
    }
  };
  const timer = setInterval(pump, 5);
  response.on('drain', pump);
  response.on('close', () => {
    clearInterval(timer);
    streams.delete(own);
  });
}

const proxy = http.createServer((request, response) => {
  if (request.url.startsWith('/api/v1/stream')) {
    replay(request, response);
    return;
  }
  const { host } = new URL(VIGIE_URL);
  const onward = http.request(`${VIGIE_URL}${request.url}`, { method: request.method, headers: { ...request.headers, host } }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
});
await new Promise((done) => { proxy.listen(0, '127.0.0.1', done); });
const base = `http://127.0.0.1:${proxy.address().port}`;

async function heap(devtools) {
  // Twice: what the first collection finalizes, the second one frees.
  await devtools.send('HeapProfiler.collectGarbage');
  await devtools.send('HeapProfiler.collectGarbage');
  return (await devtools.send('Runtime.getHeapUsage')).usedSize;
}

/** Each in a browser context of its own, so that none is a hidden tab. The last one keeps its hub in the page, to see that, too. */
const PAGES = [
  { name: '/', path: '/' },
  { name: '/queues', path: '/queues' },
  { name: '/ with the hub in the page', path: '/', init: () => Reflect.deleteProperty(globalThis, 'SharedWorker') },
];
const opened = [];
for (const { name, path, init } of PAGES) {
  const { page, devtools } = await open(init);
  await page.goto(base + path);
  await page.locator('.live[data-state=fresh]').waitFor({ timeout: 30_000 });
  opened.push({ name, page, devtools, samples: [], nodes: [] });
}

const total = hours * 3_600;
const times = [];
const end = performance.now() + most * 1_000;
const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));

async function sample() {
  times.push(reached());
  for (const each of opened) {
    each.samples.push(await heap(each.devtools));
    each.nodes.push(await each.page.evaluate(() => document.querySelectorAll('*').length));
  }
}

let next = WARM_TICKS;
while (due < WARM_TICKS + total && performance.now() < end) {
  due += BATCH;
  while (reached() < due) await sleep(5);
  await Promise.all(opened.map(({ page }) => drawn(page)));
  if (due < next) continue;
  next += total / SAMPLES;
  await sample();
  const heaps = opened.map(({ samples }) => (samples.at(-1) / 1024 / 1024).toFixed(2));
  console.error(`soak: ${((reached() - WARM_TICKS) / 3_600).toFixed(1)} h: ${heaps.join(', ')} MB`);
}
if (times.at(-1) !== reached()) await sample();
const result = opened.map(({ name, samples, nodes }) => ({ name, samples, nodes, growth: samples.at(-1) / samples[0] - 1 }));
// What proves that the page kept up: its clock is where the replay is.
const clocks = await Promise.all(opened.map(({ page }) => page.locator('.live').getAttribute('data-state')));
console.log(JSON.stringify({ hours: (reached() - WARM_TICKS) / 3_600, ticks: times, pages: result, streams: begun, clocks }));
await quit();
process.exit(0);
