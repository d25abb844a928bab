// Hours of an open dashboard in minutes: does the heap grow?
// VIGIE_URL; node soak.mjs HOURS SECONDS: as many hours as these seconds, after the warm-up, are enough for. Prints one line of JSON.
//
// Between the browser and Vigie stands a proxy that passes everything on but the stream. Of that it records what Vigie says in
// some seconds, and replays it over and over: one recorded second a tick, with the times moved on, so that for the page an
// hour is 3,600 ticks. From the bytes of the stream on, all is the real code: worker, documents, charts, tables. Some ticks of it
// go out at a time, and the next ones when every page has drawn a frame after them, so that nothing piles up.
import http from 'node:http';
import { open, quit } from './browser.mjs';
import { sleep } from './figures.mjs';
import { listen } from './stream.mjs';

const { VIGIE_URL } = process.env;
const [hours, most] = process.argv.slice(2).map(Number);
const RECORDED_SECONDS = 20;
/**
 * The pages' buffers hold a quarter of an hour: what they need for that is no growth. A frame a tick, as in a real quarter of
 * an hour: V8 compiles what is drawn often, and its machine code, which comes once, would pass for growth later.
 */
const WARM_TICKS = 1_200;
const SAMPLES = 16;
const BATCH = 10;
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

const CODE = ['code', 'object shape'];
const OBJECTS = ['object', 'closure', 'array', 'string', 'concatenated string', 'sliced string', 'number', 'bigint', 'symbol', 'regexp'];

/** Bytes of the heap in what scripts made, and in what V8 made of the scripts: machine code, bytecode, feedback, shapes. */
async function parts(devtools) {
  const chunks = [];
  const hear = ({ chunk }) => chunks.push(chunk);
  devtools.on('HeapProfiler.addHeapSnapshotChunk', hear);
  await devtools.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  devtools.off('HeapProfiler.addHeapSnapshotChunk', hear);
  const { snapshot: { meta }, nodes } = JSON.parse(chunks.join(''));
  const [type, size] = ['type', 'self_size'].map((field) => meta.node_fields.indexOf(field));
  const sums = { objects: 0, code: 0 };
  for (let at = 0; at < nodes.length; at += meta.node_fields.length) {
    const name = meta.node_types[type][nodes[at + type]];
    if (OBJECTS.includes(name)) sums.objects += nodes[at + size];
    else if (CODE.includes(name)) sums.code += nodes[at + size];
  }
  return sums;
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
  // Nothing is replayed before all are there: on a busy machine the first ones are stale by then.
  await page.locator('.live:is([data-state=fresh], [data-state=stale])').waitFor({ timeout: 60_000 });
  opened.push({ name, page, devtools, samples: [], nodes: [], parts: [] });
}

const total = hours * 3_600;
const times = [];
let end = Infinity;
const drawn = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));

async function sample() {
  times.push(reached());
  for (const each of opened) {
    each.samples.push(await heap(each.devtools));
    each.nodes.push(await each.page.evaluate(() => document.querySelectorAll('*').length));
  }
}

async function part() {
  for (const each of opened) each.parts.push(await parts(each.devtools));
}

let next = WARM_TICKS;
while (due < WARM_TICKS + total && performance.now() < end) {
  due += due < WARM_TICKS ? 1 : BATCH;
  while (reached() < due) await sleep(5);
  await Promise.all(opened.map(({ page }) => drawn(page)));
  if (due < next) continue;
  next += total / SAMPLES;
  await sample();
  if (times.length === 1) {
    await part();
    end = performance.now() + most * 1_000;
  }
  const heaps = opened.map(({ samples }) => (samples.at(-1) / 1024 / 1024).toFixed(2));
  console.error(`soak: ${((reached() - WARM_TICKS) / 3_600).toFixed(1)} h: ${heaps.join(', ')} MB`);
}
if (times.at(-1) !== reached()) await sample();
// What proves that the page kept up: its clock is where the replay is.
const clocks = await Promise.all(opened.map(({ page }) => page.locator('.live').getAttribute('data-state')));
await part();
const result = opened.map(({ name, samples, nodes, parts }) => ({ name, samples, nodes, parts, growth: samples.at(-1) / samples[0] - 1 }));
console.log(JSON.stringify({ hours: (reached() - WARM_TICKS) / 3_600, ticks: times, pages: result, streams: begun, clocks }));
await quit();
process.exit(0);
