// bull-board over the queues bench-0000, bench-0001, … of fill.js, set up as its own README does.
// REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node server.mjs 500
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';

const connection = new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null });
const names = Array.from({ length: Number(process.argv[2]) }, (_, i) => `bench-${String(i).padStart(4, '0')}`);
const queues = names.map((name) => new BullMQAdapter(new Queue(name, { connection })));
const serverAdapter = new ExpressAdapter();
createBullBoard({ queues, serverAdapter });

const app = express();
app.use('/', serverAdapter.getRouter());
const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
process.on('SIGTERM', () => {
  server.closeAllConnections();
  process.exit(0);
});
