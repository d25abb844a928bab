// One more job in every queue of fill.js each second, spread over the second: every row of every screen changes.
// REDIS_URL; node tick.mjs QUEUES, until it is ended.
import { createRequire } from 'node:module';
import { sleep } from './figures.mjs';

const { Queue } = createRequire(new URL('peers/bull-board/package.json', import.meta.url))('bullmq');
const { Redis } = createRequire(new URL('peers/bull-board/package.json', import.meta.url))('ioredis');

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const count = Number(process.argv[2]);
const queues = Array.from({ length: count }, (_, i) => new Queue(`bench-${String(i).padStart(4, '0')}`, { connection }));
const start = performance.now();
for (let added = 0; ; await sleep(10)) {
  const due = Math.floor(((performance.now() - start) / 1000) * count);
  const adding = [];
  for (; added < due; added += 1) adding.push(queues[added % count].add(`type-${added % 4}`, {}));
  await Promise.all(adding);
  if (added > 0 && added <= count) console.log('ticking');
}
