// Starts an n8n and works it until Ctrl-C: `.tools/node_modules/.bin/node examples/n8n/start.js`. It prints the sources for
// Vigie's configuration.

import { setTimeout as pause } from 'node:timers/promises';
import { Cluster } from './cluster.js';

const cluster = await Cluster.start();
let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  await cluster.stop();
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
console.log(`sources:
  - {name: main, kind: redis, url: "redis://127.0.0.1:${cluster.ports.redis}"}
  - {name: n8n, kind: n8n, url: "${cluster.url('main')}", workers: ["${cluster.url('worker')}"], redis: main, timezone: UTC, api_key: "${cluster.key}"}`);
while (!stopping) {
  for (const path of ['ok', 'ok', 'ok', 'wait', 'fail']) {
    await cluster.trigger(path).catch((error) => stopping || console.error(error.message));
    await pause(700);
  }
}
