// Vigie beside a real n8n: what it says is held against what n8n says itself. `make test-n8n` runs this; VIGIE names the program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Cluster, freePort, until } from './cluster.js';

const PROGRAM = process.env.VIGIE;
if (!PROGRAM) throw new Error('VIGIE is not set: run make test-n8n');

/** No test takes so long: one that hangs says where it stands. */
const AT_MOST = 8 * 60_000;
const ANSWERS_WITHIN = 30_000;

let last = '';
const step = (text) => console.log(`${new Date().toISOString().slice(11, 19)} ${last = text}`);

class Vigie {
  static async start(cluster) {
    const vigie = new Vigie();
    vigie.dir = mkdtempSync(join(tmpdir(), 'vigie-beside-n8n-'));
    const port = await freePort();
    vigie.base = `http://127.0.0.1:${port}`;
    const config = join(vigie.dir, 'vigie.yaml');
    const n8n = {
      name: 'n8n', kind: 'n8n', url: cluster.url('main'), workers: [cluster.url('worker')], redis: 'main', timezone: 'UTC',
      api_key: cluster.key, poll_seconds: 1, metrics_path: '/rest/metrics',
      log_files: [join(cluster.env.HOME, '.n8n/n8nEventLog*.log'), join(cluster.env.HOME, '.n8n/logs/*.log')],
    };
    const redis = { name: 'main', kind: 'redis', url: `redis://127.0.0.1:${cluster.ports.redis}` };
    // JSON is YAML, too.
    const settings = { listen: `127.0.0.1:${port}`, data_dir: join(vigie.dir, 'data'), sources: [redis, n8n] };
    writeFileSync(config, JSON.stringify(settings));
    vigie.child = spawn(PROGRAM, ['--config', config], { stdio: ['ignore', 'inherit', 'inherit'] });
    await until('Vigie answers', () => vigie.get('/api/v1/instances'), 60_000);
    return vigie;
  }

  async get(path) {
    const answer = await fetch(`${this.base}${path}`, { signal: AbortSignal.timeout(ANSWERS_WITHIN) });
    if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}`);
    return answer.headers.get('content-type')?.includes('json') ? answer.json() : answer.text();
  }

  /** The value of one series of /metrics, found by its name and some of its labels; undefined where it is absent. */
  async series(name, labels) {
    const lines = (await this.get('/metrics')).split('\n');
    const fits = (line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`));
    const line = lines.find((one) => one.startsWith(`${name}{`) && fits(one));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  /** Whether a topic of the live stream says this at its beginning. */
  async streams(topic, text) {
    const answer = await fetch(`${this.base}/api/v1/stream?topics=${topic}`, { signal: AbortSignal.timeout(10_000) });
    let said = '';
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      said += chunk;
      if (said.includes(text)) return true;
      if (said.includes('\n\n') && said.length > 100_000) return false;
    }
    return false;
  }

  finished(type, outcome) {
    return this.series('vigie_jobs_finished_total', { source: 'main', kind: 'bull', queue: 'jobs', type, outcome });
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      const slow = setTimeout(() => { console.error('Vigie does not end'); process.exitCode = 1; this.child.kill('SIGKILL'); }, ANSWERS_WITHIN);
      await ended;
      clearTimeout(slow);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function processes(vigie) {
  const both = await until('main and worker are up', async () => {
    const { instances } = await vigie.get('/api/v1/instances');
    const up = instances.filter((one) => one.source === 'n8n' && one.status === 'up');
    return up.length === 2 && up.every((one) => one.version) ? up : null;
  });
  const of = (role) => both.find((one) => one.role === role);
  await until('the main process leads', () => vigie.streams('instances', '"leader":true'), 30_000);
  assert.equal(of('main').version, of('worker').version);
  const { sources } = await vigie.get('/api/v1/sources');
  const checks = Object.fromEntries(sources.find((one) => one.source === 'n8n').checks.map((one) => [one.id, one]));
  for (const id of ['connect', 'metrics', 'api', 'queue', 'workers', 'schedules', 'log_files']) {
    assert.equal(checks[id]?.state, 'ok', `${id}: ${JSON.stringify(checks[id])}`);
  }
  // Before n8n 2 processes do not register in Redis.
  assert.equal(checks.registry.state, of('main').version.startsWith('1.') ? 'unknown' : 'ok', JSON.stringify(checks.registry));
  assert.equal(checks.metrics_path.state, 'missing', 'n8n has no /rest/metrics');
  step(`n8n ${of('main').version}: main leads, the worker is up, the checks say what is there`);
}

/** Vigie hears Bull's messages: what ends before that counts as the past. */
async function heard(vigie) {
  await until('job events are read', async () => {
    const { sources } = await vigie.get('/api/v1/sources');
    const events = sources.find((one) => one.source === 'main').checks.find((one) => one.id === 'events');
    const { queues } = await vigie.get('/api/v1/queue/status?source=main&queue=jobs');
    return events?.state === 'ok' && queues.length === 1;
  }, 30_000);
}

/**
 * Whether as many of a type have ended. n8n removes a job when it ends: on a busy machine a short one may be gone before Vigie has read what it was.
 * It is counted without a type then, and the queue's durations say that types are sampled.
 */
async function ended(vigie, type, outcome, count) {
  const [typed, untyped] = [await vigie.finished(type, outcome) ?? 0, await vigie.finished('', outcome) ?? 0];
  if (typed >= count || typed + untyped < count) return typed === count;
  const { queues } = await vigie.get('/api/v1/queue/status?source=main&queue=jobs');
  if (queues[0].run.quality === 'sampled') step(`${type}: ${typed} of ${count} have a type, ${untyped} have none, marked sampled`);
  return queues[0].run.quality === 'sampled';
}

async function executions(cluster, vigie) {
  await heard(vigie);
  const plan = { ok: 10, fail: 3, wait: 2 };
  const { ok, fail, wait } = cluster.workflows;
  // Those of before Vigie have no part in it: it counts from its start.
  const before = { ok: (await cluster.executions('ok')).length };
  for (const [path, count] of Object.entries(plan)) {
    for (let number = 0; number < count; number += 1) await cluster.trigger(path);
  }
  await until('all executions are over', async () => {
    const over = (list) => list.filter((one) => one.stoppedAt && one.status !== 'waiting').length;
    const [done, failed, waited] = await Promise.all(['ok', 'fail', 'wait'].map((path) => cluster.executions(path).then(over)));
    return done === before.ok + plan.ok && failed === plan.fail && waited === plan.wait;
  });
  const expected = [[ok.name, 'succeeded', plan.ok], [fail.name, 'failed', plan.fail], [wait.name, 'succeeded', plan.wait]];
  for (const [type, outcome, count] of expected) {
    await until(`${count} of ${type} ${outcome}`, () => ended(vigie, type, outcome, count), 30_000);
  }
  assert.equal(await vigie.finished(fail.name, 'succeeded') ?? 0, 0, 'Bull calls them completed, n8n failed');
  const run = { source: 'main', queue: 'jobs', type: wait.name, outcome: 'succeeded' };
  const [runs, seconds] = [await vigie.series('vigie_job_run_seconds_count', run), await vigie.series('vigie_job_run_seconds_sum', run)];
  assert.equal(runs, plan.wait);
  const real = (await cluster.executions('wait')).map((one) => (Date.parse(one.stoppedAt) - Date.parse(one.startedAt)) / 1000);
  const sum = real.reduce((one, other) => one + other, 0);
  // The job is a little longer than its execution, which the worker has to load first.
  assert.ok(seconds >= sum - 0.2 && seconds < sum + 5, `${seconds} s, n8n says ${sum} s`);
  assert.ok((await vigie.series('vigie_job_wait_seconds_count', run)) === plan.wait);
  step(`${plan.ok} well, ${plan.fail} failed, ${plan.wait} waited ${sum.toFixed(2)} s by n8n and ran ${seconds.toFixed(2)} s by Vigie`);

  const lines = await until('a line for each failure', async () => {
    const { entries } = await vigie.get('/api/v1/logs?type=execution&source=n8n&limit=100');
    return entries.length === plan.fail ? entries : null;
  }, 60_000);
  const ids = (await cluster.executions('fail')).map((one) => one.id).sort();
  assert.deepEqual(lines.map((line) => line.fields.executionId).sort(), ids);
  for (const line of lines) {
    assert.equal(line.queue, 'jobs');
    assert.match(line.message, /^Fails on purpose: execution \d+ failed: deliberate failure$/);
    assert.match(line.fields.worker, /^worker-/);
  }
  const events = await until('events of its own log', async () => {
    const { entries } = await vigie.get('/api/v1/logs?type=workflow&level=error&limit=100');
    const own = entries.filter((one) => one.fields.event === 'n8n.workflow.failed');
    return own.length === plan.fail ? own : null;
  }, 60_000);
  assert.ok(events.every((one) => one.message.includes('deliberate failure')));
  const job = lines[0].job;
  const about = await until('lines of its log about a failed job', async () => {
    const { entries } = await vigie.get(`/api/v1/logs?queue=jobs&job=${job}&limit=100`);
    return entries.length >= 3 ? entries : null;
  }, 60_000);
  step(`job ${job} has ${about.length} lines: its failure, n8n's events, n8n's log`);
  const all = JSON.stringify(await vigie.get('/api/v1/logs?limit=1000'));
  assert.ok(!all.includes('owner@example.com') && !all.includes(cluster.key), 'no address, no key');
  step('each failure is one line, with its error and its worker');
}

async function schedule(cluster, vigie) {
  const labels = { source: 'n8n', workflow: cluster.workflows.schedule.name };
  const overdue = () => vigie.series('vigie_n8n_workflow_overdue_seconds', labels);
  await until('the schedule runs', async () => (await overdue()) === 0, 60_000);
  await cluster.kill('worker');
  await until('the worker is down', async () => {
    const { instances } = await vigie.get('/api/v1/instances?source=n8n&role=worker');
    return instances[0]?.status === 'down' && /refused/.test(instances[0].error);
  }, 30_000);
  step('the killed worker is down, with the reason');
  const event = (kind) => async () => {
    const { entries } = await vigie.get('/api/v1/logs?type=event&source=n8n&limit=100');
    return entries.find((one) => one.fields.event === kind);
  };
  await until('it is late', async () => (await overdue()) > 10, 120_000);
  const late = await until('an event says so', event('workflow_overdue'), 180_000);
  assert.match(late.message, /^By schedule should have run by its schedule \d+ s ago and has not$/);
  step(`without a worker: ${late.message}`);
  cluster.startWorker();
  await cluster.ready('worker');
  await until('an event says that it runs again', event('workflow_on_time'), 180_000);
  step('with a worker again it is on time');
}

async function hangs() {
  await pause(AT_MOST, undefined, { ref: false });
  throw new Error(`not over after ${AT_MOST / 60_000} minutes; the last step was: ${last}`);
}

const begun = Date.now();
step('starting n8n: Redis, PostgreSQL, main, worker');
const cluster = await Cluster.start();
let vigie;
let [passed, failed] = [0, 0];
try {
  vigie = await Vigie.start(cluster);
  for (const test of [processes, executions, schedule]) {
    const args = test.length === 1 ? [vigie] : [cluster, vigie];
    await Promise.race([test(...args), hangs()]);
    passed += 1;
  }
} catch (error) {
  failed = 1;
  console.error(error);
  const figures = await vigie?.get('/metrics').catch(() => null);
  console.error(figures?.split('\n').filter((line) => line.startsWith('vigie_jobs_')).join('\n'));
  if (vigie) console.error(JSON.stringify((await vigie.get('/api/v1/sources').catch(() => null)), null, 1)?.slice(0, 6000));
} finally {
  await vigie?.stop();
  await cluster.stop();
}
console.log(`${passed} passed, ${failed} failed (${((Date.now() - begun) / 1000).toFixed(0)} s)`);
process.exitCode ||= failed;
