// What a page weighs, how fast it is there, and what it costs while it stays open.
// node web.mjs cold RUNS URL READY          | node web.mjs steady SECONDS URL READY
// READY selects an element that is there once the page has its data. Prints one line of JSON.
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { open, quit } from './browser.mjs';
import { median, sleep } from './figures.mjs';
import { listen } from './stream.mjs';

const [mode, amount, url, ready] = process.argv.slice(2);

/** In the page: when data is there, and tasks of 50 ms and more. */
function watch(selector) {
  globalThis.longTasks = [];
  new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((task) => task.duration))).observe({ type: 'longtask' });
  const look = () => {
    if (globalThis.readyAt !== undefined || document.querySelector(selector) === null) return;
    globalThis.readyAt = 0;
    requestAnimationFrame(() => setTimeout(() => { globalThis.readyAt = performance.now(); }));
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}

async function visit() {
  const visited = await open();
  await visited.page.addInitScript(watch, ready);
  return visited;
}

const isThere = (page) => page.waitForFunction(() => globalThis.readyAt > 0, undefined, { timeout: 30_000, polling: 50 });

/** Scripts and their sizes: as they are, gzipped, and as they were sent. */
async function scripts(devtools, collected) {
  const sums = { files: 0, plain: 0, gzip: 0, sent: 0 };
  for (const { requestId, sent } of collected.values()) {
    const { body, base64Encoded } = await devtools.send('Network.getResponseBody', { requestId });
    const bytes = Buffer.from(body, base64Encoded ? 'base64' : 'utf8');
    sums.files += 1;
    sums.plain += bytes.length;
    sums.gzip += gzipSync(bytes, { level: 9 }).length;
    sums.sent += sent;
  }
  return sums;
}

async function cold(runs) {
  const paints = [];
  const data = [];
  let weight;
  for (let i = 0; i < runs; i += 1) {
    const { page, devtools, leave } = await visit();
    const collected = new Map();
    devtools.on('Network.responseReceived', ({ requestId, type, response }) => {
      if (type === 'Script' && response.url.startsWith('http')) collected.set(requestId, { requestId, sent: 0 });
    });
    devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (collected.has(requestId)) collected.get(requestId).sent = encodedDataLength;
    });
    await devtools.send('Network.enable');
    await page.goto(url);
    await isThere(page);
    const [paint, at] = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime, globalThis.readyAt]);
    paints.push(paint);
    data.push(at);
    weight ??= await scripts(devtools, collected);
    await leave();
  }
  return { runs, paint: median(paints), worstPaint: Math.max(...paints), data: median(data), worstData: Math.max(...data), scripts: weight };
}

const cost = async (devtools) => Object.fromEntries((await devtools.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));

async function heap(devtools) {
  await devtools.send('HeapProfiler.collectGarbage');
  return (await cost(devtools)).JSHeapUsedSize;
}

/** The same stream beside the browser: compressed to know its size, plain to know what fills it. */
function beside(address) {
  const parts = {};
  const add = (name, size) => { parts[name] = (parts[name] ?? 0) + size; };
  const plain = listen(address, {
    heard({ topic, patch, size }) {
      if (!patch) return;
      add(`topic ${topic.split(':')[0]}`, size);
      add('messages', 1);
      for (const row of Object.values((topic === 'queues' && patch.rows) || {})) {
        add('rows', 1);
        for (const [key, value] of Object.entries(row ?? {})) add(`row.${key}`, key.length + 4 + JSON.stringify(value).length);
      }
    },
  });
  const packed = listen(address, { gzip: true });
  return { plain, packed, parts, reset: () => { for (const key of Object.keys(parts)) delete parts[key]; } };
}

async function steady(seconds) {
  const { page, devtools } = await visit();
  const wire = { stream: 0, rest: 0 };
  let address;
  const streams = new Set();
  devtools.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (!request.url.includes('/api/v1/stream')) return;
    streams.add(requestId);
    address = request.url;
  });
  devtools.on('Network.dataReceived', ({ requestId, encodedDataLength, dataLength }) => {
    if (streams.has(requestId)) wire.stream += encodedDataLength > 0 ? encodedDataLength : dataLength;
  });
  // Only at its end a request is told with what it was on the wire; a stream has no end.
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (!streams.has(requestId)) wire.rest += encodedDataLength;
  });
  await devtools.send('Network.enable');
  await devtools.send('Performance.enable');
  await page.goto(url);
  await isThere(page);
  await sleep(3000);
  // Vigie's stream belongs to a worker that all tabs share, so that no page sees it: the same is read beside it.
  if (!address && await page.locator('[role=status][data-code]').count() > 0) {
    const topics = new URL(url).pathname === '/' ? 'now,sources,queues,workers' : 'now,sources,queues';
    address = new URL(`/api/v1/stream?topics=${topics}`, url).href;
  }
  const other = address && beside(address);
  await sleep(2000);
  const heapBefore = await heap(devtools);
  await page.evaluate(() => globalThis.longTasks.splice(0));
  const bytes = () => ({ stream: wire.stream, rest: wire.rest, packed: other?.packed.bytes, plain: other?.plain.bytes });
  other?.reset();
  const [before, from, start] = [await cost(devtools), bytes(), performance.now()];
  await sleep(seconds * 1000);
  const [after, to, took] = [await cost(devtools), bytes(), (performance.now() - start) / 1000];
  const parts = structuredClone(other?.parts ?? {});
  const longTasks = await page.evaluate(() => globalThis.longTasks);
  const share = (name) => (after[name] - before[name]) / took;
  const rate = (name) => (to[name] === undefined ? null : (to[name] - from[name]) / took);
  other?.plain.close();
  other?.packed.close();
  return {
    seconds: took,
    main: share('TaskDuration'), cpu: share('ThreadTime'), script: share('ScriptDuration'), layout: share('LayoutDuration'), style: share('RecalcStyleDuration'),
    longTasks: longTasks.length, longest: Math.max(0, ...longTasks),
    heapBefore, heapAfter: await heap(devtools), nodes: after.Nodes,
    stream: streams.size > 0 ? rate('stream') : rate('packed'), rest: rate('rest'), packed: rate('packed'), plain: rate('plain'),
    parts: Object.fromEntries(Object.entries(parts).map(([name, size]) => [name, size / took])),
    topics: address && decodeURIComponent(new URL(address).searchParams.get('topics')),
  };
}

http.globalAgent.maxSockets = Infinity;
console.log(JSON.stringify(mode === 'cold' ? await cold(Number(amount)) : await steady(Number(amount))));
await quit();
process.exit(0);
