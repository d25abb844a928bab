// A real n8n in queue mode on 127.0.0.1: Redis, PostgreSQL, a main process and a worker, in a folder of its own that is
// removed at the end. Nothing of it outlives this process.

import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { workflows } from './workflows.js';

/** N8N names another one, such as the last of an older version. */
const N8N = process.env.N8N ?? join(import.meta.dirname, '../../.tools/n8n/node_modules/n8n/bin/n8n');
const DEBIAN = '/usr/lib/postgresql';
/** How long a busy machine may take to start n8n. */
const PATIENCE = 240_000;
/** How long it may take to answer, or to end a process: without an end, a server that accepts and says nothing would hold everything up. */
const ANSWERS_WITHIN = 30_000;

/** A port that nobody listens at. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Waits until `look` returns something, asking four times a second. */
export async function until(what, look, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  let last;
  while (Date.now() < deadline) {
    try {
      const found = await look();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await pause(250);
  }
  throw new Error(`not within ${patience / 1000} s: ${what}${last ? ` (${last.message})` : ''}`);
}

/** Where Debian keeps PostgreSQL's programs, which are not on the path. */
function postgresPrograms() {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((one, other) => Number(other) - Number(one)) : [];
  if (versions.length === 0) throw new Error('PostgreSQL is not installed: apt-get install postgresql');
  return join(DEBIAN, versions[0], 'bin');
}

/** PostgreSQL refuses to run as root: then as the user that Debian's package made. */
function postgresUser() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export class Cluster {
  #running = new Map();
  #cookie = '';

  /** Starts everything; `scheduleEvery` is how often the scheduled workflow runs, in seconds. */
  static async start({ scheduleEvery = 5 } = {}) {
    const cluster = new Cluster();
    try {
      await cluster.#boot(scheduleEvery);
    } catch (error) {
      console.error(cluster.log('main').slice(-3000));
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #boot(scheduleEvery) {
    this.dir = mkdtempSync(join(tmpdir(), 'vigie-n8n-'));
    const ports = {};
    for (const name of ['redis', 'postgres', 'main', 'worker', 'mainBroker', 'workerBroker']) ports[name] = await freePort();
    this.ports = ports;
    this.#launch('redis', 'redis-server', ['--port', `${ports.redis}`, '--bind', '127.0.0.1', '--save', '', '--dir', this.dir]);
    await this.#postgres(ports.postgres);
    this.env = this.#environment(ports);
    this.#launch('main', process.execPath, [N8N, 'start'], { N8N_PORT: `${ports.main}`, N8N_RUNNERS_BROKER_PORT: `${ports.mainBroker}` });
    await this.ready('main');
    // After the main process: both would migrate the database.
    this.startWorker();
    await this.ready('worker');
    await this.#setUp(scheduleEvery);
  }

  #environment(ports) {
    const home = join(this.dir, 'home');
    mkdirSync(home);
    return {
      PATH: process.env.PATH,
      HOME: home,
      N8N_USER_FOLDER: home,
      DB_TYPE: 'postgresdb',
      DB_POSTGRESDB_HOST: '127.0.0.1',
      DB_POSTGRESDB_PORT: `${ports.postgres}`,
      DB_POSTGRESDB_DATABASE: 'postgres',
      DB_POSTGRESDB_USER: 'postgres',
      DB_POSTGRESDB_PASSWORD: 'x',
      EXECUTIONS_MODE: 'queue',
      QUEUE_BULL_REDIS_HOST: '127.0.0.1',
      QUEUE_BULL_REDIS_PORT: `${ports.redis}`,
      QUEUE_HEALTH_CHECK_ACTIVE: 'true',
      N8N_WORKER_SERVER_ADDRESS: '127.0.0.1',
      N8N_LISTEN_ADDRESS: '127.0.0.1',
      N8N_ENCRYPTION_KEY: 'only-for-this-example-0123456789',
      N8N_SECURE_COOKIE: 'false',
      N8N_DIAGNOSTICS_ENABLED: 'false',
      N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
      N8N_TEMPLATES_ENABLED: 'false',
      N8N_PERSONALIZATION_ENABLED: 'false',
      GENERIC_TIMEZONE: 'UTC',
      N8N_METRICS: 'true',
      N8N_METRICS_INCLUDE_QUEUE_METRICS: 'true',
      N8N_METRICS_INCLUDE_MESSAGE_EVENT_BUS_METRICS: 'true',
      N8N_METRICS_INCLUDE_WORKFLOW_ID_LABEL: 'true',
      N8N_METRICS_INCLUDE_WORKFLOW_NAME_LABEL: 'true',
      N8N_LOG_FORMAT: 'json',
      N8N_LOG_LEVEL: 'info',
      N8N_LOG_OUTPUT: 'console,file',
    };
  }

  async #postgres(port) {
    const [programs, user] = [postgresPrograms(), postgresUser()];
    const data = join(this.dir, 'postgres');
    mkdirSync(data);
    if (user.uid !== undefined) {
      chownSync(this.dir, user.uid, user.gid);
      chownSync(data, user.uid, user.gid);
    }
    execFileSync(join(programs, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync'], { ...user, stdio: 'ignore', cwd: data });
    const settings = ['-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-k', data];
    this.#launch('postgres', join(programs, 'postgres'), ['-D', data, ...settings], undefined, { ...user, cwd: data });
    await until('PostgreSQL', () => this.log('postgres').includes('ready to accept connections'));
  }

  startWorker() {
    const { worker, workerBroker } = this.ports;
    const own = { QUEUE_HEALTH_CHECK_PORT: `${worker}`, N8N_RUNNERS_BROKER_PORT: `${workerBroker}` };
    this.#launch('worker', process.execPath, [N8N, 'worker', '--concurrency=5'], own);
  }

  #launch(name, program, args, own, more = {}) {
    const child = spawn(program, args, {
      // A group of its own, so that what it starts ends with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(own ? { env: { ...this.env, ...own } } : {}),
      ...more,
    });
    const log = createWriteStream(join(this.dir, `${name}.log`), { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#running.set(name, child);
  }

  /** What a process has written so far. */
  log(name) {
    const path = join(this.dir, `${name}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  url(name) {
    return `http://127.0.0.1:${this.ports[name]}`;
  }

  async ready(name) {
    await until(`${name} is ready`, async () => {
      const child = this.#running.get(name);
      if (child.exitCode !== null) throw new Error(`${name} ended: ${this.log(name).slice(-2000)}`);
      const answer = await fetch(`${this.url(name)}/healthz/readiness`, { signal: AbortSignal.timeout(ANSWERS_WITHIN) });
      await answer.arrayBuffer();
      return answer.status === 200;
    });
  }

  async #ask(method, path, body, headers = {}) {
    const answer = await fetch(`${this.url('main')}${path}`, {
      method,
      signal: AbortSignal.timeout(ANSWERS_WITHIN),
      headers: { 'content-type': 'application/json', cookie: this.#cookie, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: HTTP ${answer.status}: ${text.slice(0, 300)}`);
    const cookies = answer.headers.getSetCookie();
    if (cookies.length > 0) this.#cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
    return text === '' ? null : JSON.parse(text);
  }

  /** The owner, a key of the public API, and the workflows, turned on. */
  async #setUp(scheduleEvery) {
    const owner = { email: 'owner@example.com', firstName: 'O', lastName: 'W', password: 'Example-0wner' };
    // Readiness comes a moment before the last routes.
    await until('an owner', () => this.#ask('POST', '/rest/owner/setup', owner));
    const scopes = (await this.#ask('GET', '/rest/api-keys/scopes')).data;
    const key = await this.#ask('POST', '/rest/api-keys', { label: 'vigie', expiresAt: null, scopes });
    this.key = key.data.rawApiKey;
    this.workflows = {};
    for (const [path, workflow] of Object.entries(workflows(scheduleEvery))) {
      const { id } = await this.api('POST', '/workflows', workflow);
      await this.api('POST', `/workflows/${id}/activate`);
      this.workflows[path] = { id, name: workflow.name };
    }
    await until('the webhooks', async () => (await this.trigger('ok', false)) === 200);
  }

  /** Asks the public API. */
  api(method, path, body) {
    return this.#ask(method, `/api/v1${path}`, body, { 'x-n8n-api-key': this.key, cookie: '' });
  }

  /** Starts a workflow by its webhook; the status. */
  async trigger(path, mustWork = true) {
    const answer = await fetch(`${this.url('main')}/webhook/${path}`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(ANSWERS_WITHIN) });
    await answer.arrayBuffer();
    if (mustWork && answer.status !== 200) throw new Error(`webhook ${path}: HTTP ${answer.status}`);
    return answer.status;
  }

  /** All executions of a workflow that n8n lists, newest first; those that run or wait in the queue are left out by it. */
  async executions(path) {
    return (await this.api('GET', `/executions?limit=250&workflowId=${this.workflows[path].id}`)).data;
  }

  /** Ends a process at once, as a machine that loses its power would. */
  async kill(name) {
    await this.#end(name, 'SIGKILL');
  }

  async #end(name, signal) {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    try {
      process.kill(-child.pid, signal);
    } catch {
      return;
    }
    await ended;
    // What it started may outlive it and hold these: then this process would never end.
    child.stdout.destroy();
    child.stderr.destroy();
  }

  /** Ends everything and removes what it left. */
  async stop() {
    for (const name of ['worker', 'main', 'redis']) await this.#end(name, 'SIGKILL');
    // Its processes are in groups of their own: asked to stop at once, it ends them.
    await this.#end('postgres', 'SIGQUIT');
    if (this.dir) rmSync(this.dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}
