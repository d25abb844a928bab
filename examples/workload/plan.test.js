import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BURST, Day, left } from './day.js';
import { now } from './ledger.js';
import { duration } from './lifecycle.js';
import { Rand, ledgerJob, total } from './plan.js';
import { redisOptions } from './redislink.js';

test('the sequence is the one of the Go example', () => {
  const rand = new Rand(42);
  assert.deepEqual([0, 0, 0, 0].map(() => rand.uint32()), [2581720956, 1925393290, 3661312704, 2876485805]);
});

test('the mixture of twenty jobs', () => {
  assert.deepEqual(total(7, 20, ['a', 'b']), { jobs: 20, succeeded: 18, failed_for_good: 2, failed_attempts: 8, delayed: 2 });
});

test('every type sees every kind', () => {
  const seen = new Set();
  for (let n = 0; n < 80; n += 1) {
    const job = ledgerJob(1, n, ['a', 'b', 'c', 'd']);
    seen.add(`${job.type}/${job.kind}`);
  }
  assert.equal(seen.size, 24);
});

test('a window opens, closes and comes back', () => {
  assert.equal(left(BURST, 13_999), 0);
  assert.equal(left(BURST, 14_000), 6_000);
  assert.equal(left(BURST, 14_000 + 180_000 + 5_000), 1_000);
});

test('same seed, same day', () => {
  const flows = [{ queue: 'q', types: ['a', 'b'], perSecond: 5, sleepMs: [1, 9], opening: 3, delayed: 0.2 }];
  const play = () => {
    const day = new Day(9, flows);
    return [...day.opening(), ...day.due(10_000)].map(({ flow, ...job }) => job);
  };
  assert.deepEqual(play(), play());
  assert.ok(play().length > 20);
});

test('times have microseconds and follow the wall clock', () => {
  assert.ok(Math.abs(now() - Date.now()) < 6);
  assert.ok(Number.isInteger(Math.round(now() * 1000)));
});

test('durations and addresses', () => {
  assert.equal(duration('250ms'), 250);
  assert.equal(duration('5m'), 300_000);
  assert.throws(() => duration('soon'));
  assert.equal(redisOptions('unix:///run/redis.sock?db=2').path, '/run/redis.sock');
  assert.equal(redisOptions('redis://127.0.0.1:6390/3').db, 3);
  assert.throws(() => redisOptions('http://127.0.0.1'));
});
