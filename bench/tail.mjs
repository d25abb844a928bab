// From a line that is pushed to the one who follows, over Loki's tail.
// VIGIE_URL; node tail.mjs [SAMPLES]. Prints one line of JSON.
import { sleep, spread } from './figures.mjs';

const { VIGIE_URL } = process.env;
const SAMPLES = Number(process.argv[2] ?? 200);
/** A line that is not seen by then is lost. */
const LOST_MS = 5_000;

const query = encodeURIComponent('{source="tailed"}');
const socket = new WebSocket(`${VIGIE_URL.replace('http', 'ws')}/loki/api/v1/tail?query=${query}`);
const seen = new Map();
socket.addEventListener('message', ({ data }) => {
  const now = performance.now();
  for (const stream of JSON.parse(data).streams ?? []) for (const [, line] of stream.values) seen.set(line, now);
});
await new Promise((ready, failed) => {
  socket.addEventListener('open', ready);
  socket.addEventListener('error', () => failed(new Error('nobody answers the tail')));
});
const took = [];
let lost = 0;
for (let sample = 0; sample < SAMPLES; sample += 1) {
  const message = `sample ${sample}`;
  const begun = performance.now();
  const answer = await fetch(`${VIGIE_URL}/api/v1/logs`, { method: 'POST', body: JSON.stringify({ source: 'tailed', message }) });
  if (!answer.ok) throw new Error(`a line is answered with ${answer.status}`);
  while (!seen.has(message) && performance.now() - begun < LOST_MS) await sleep(1);
  if (seen.has(message)) took.push(seen.get(message) - begun);
  else lost += 1;
  await sleep(Math.random() * 20);
}
socket.close();
console.log(JSON.stringify({ ...spread(took), lost }));
process.exit(0);
