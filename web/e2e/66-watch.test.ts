import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { beside, type Beside } from './beside.ts';
import { live, visit } from './browser.ts';

let server: Beside;
beforeAll(async () => { server = await beside(); });
afterAll(() => server.close());

const READY: Record<string, string> = {
  '/instances': 'table.instances [data-row]',
  '/logs': '.log-list .msg',
  '/logs?view=patterns': '.log-patterns [data-row]',
  '/events': '.tl li',
  '/workers': 'table.workers a[data-row]',
  '/': '.log-card .msg',
};
const open = (path: string, options: Parameters<typeof visit>[1] = {}) => visit(path, { ...options, origin: server.url });
const ready = (page: Page, path: string) => page.locator(READY[path] ?? 'main').first().waitFor();
const scrollable = (page: Page) => page.locator('.log-list').evaluate((list) => list.scrollHeight - list.clientHeight - list.scrollTop);
const names = (page: Page) => page.locator('table.instances a[data-row]').allTextContents();

describe.each(['light', 'dark'] as const)('instances, logs and events, %s', (colorScheme) => {
  it.each(Object.keys(READY))('axe finds nothing on %s, wide and on a phone', async (path) => {
    const { page, leave } = await open(path, { colorScheme });
    await live(page);
    await ready(page, path);
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await ready(page, path);
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth))).toBeLessThanOrEqual(390);
    await leave();
  });
});

describe('instances', () => {
  it('show who is down and why, and where balancer and probe disagree', async () => {
    const { page, leave } = await open('/instances');
    await live(page);
    await ready(page, '/instances');
    const rows = page.locator('table.instances tbody tr:not(.only-phone)');
    expect(await rows.first().textContent()).toMatch(/api-3.*down.*DOWN \/ –.*connection refused/);
    expect(await rows.nth(1).textContent()).toMatch(/api-2.*views differ.*UP \/ HTTP 503.*503 Service Unavailable/);
    expect(await rows.nth(2).textContent()).toMatch(/n8n-worker-2.*its source does not answer/);
    await page.keyboard.press('/');
    await page.keyboard.type('refused');
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByRole('link', { name: 'Lines' }).click();
    await expect.poll(() => page.url()).toMatch(/\/logs\?.*instance=api-3/);
    await ready(page, '/logs');
    expect(new Set(await page.locator('.log-list .who').allTextContents())).toEqual(new Set(['api-3']));
    await leave();
  });

  it('lead to their lines on a phone, too: by the name, and beside what is wrong', async () => {
    const { page, leave } = await open('/instances', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await live(page);
    await ready(page, '/instances');
    const bad = page.locator('tr.only-phone', { hasText: 'connection refused' });
    await bad.getByRole('link', { name: 'Lines' }).tap();
    await expect.poll(() => page.url()).toMatch(/\/logs\?.*instance=api-3/);
    await page.goBack();
    await page.locator('table.instances a[data-row]', { hasText: 'api-1' }).tap();
    await expect.poll(() => page.url()).toMatch(/\/logs\?.*instance=api-1/);
    await leave();
  });
});

describe('the table of instances', () => {
  it('sorts by a press, chooses by status and role, and keeps all of it in the address', async () => {
    const { page, leave } = await open('/instances');
    await live(page);
    await ready(page, '/instances');
    expect(await names(page)).toEqual(['api-3', 'api-2', 'n8n-worker-2', 'api-1']);
    const head = page.getByRole('columnheader', { name: 'p95' });
    await head.getByRole('button').focus();
    await page.keyboard.press('Enter');
    await expect.poll(() => names(page)).toEqual(['api-2', 'api-1', 'api-3', 'n8n-worker-2']);
    expect(await head.getAttribute('aria-sort')).toBe('descending');
    await page.keyboard.press('Enter');
    await expect.poll(() => names(page)).toEqual(['api-1', 'api-2', 'api-3', 'n8n-worker-2']);
    await page.getByRole('combobox', { name: 'Role' }).selectOption('api');
    await expect.poll(() => names(page)).toEqual(['api-1', 'api-2', 'api-3']);
    // What there is of each status, of those that the rest of the choice leaves.
    expect(await page.getByRole('group', { name: 'Status' }).getByRole('button').allTextContents()).toEqual(['all 3', 'up 1', 'degraded 1', 'down 1', 'unknown 0']);
    await page.getByRole('button', { name: 'down 1' }).click();
    await expect.poll(() => names(page)).toEqual(['api-3']);
    expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual({ sort: 'p95', dir: 'asc', role: 'api', status: 'down' });
    await page.reload();
    await ready(page, '/instances');
    expect(await names(page)).toEqual(['api-3']);
    await page.goBack();
    await expect.poll(() => names(page)).toEqual(['api-1', 'api-2', 'api-3']);
    await page.getByRole('button', { name: 'unknown 0' }).click();
    await page.getByRole('button', { name: 'Show all' }).click();
    await expect.poll(() => names(page)).toHaveLength(4);
    await head.getByRole('button').click();
    await expect.poll(() => names(page)).toEqual(['api-3', 'api-2', 'n8n-worker-2', 'api-1']);
    await leave();
  });

  it('says why it is not there when the stream does not come', async () => {
    const { page, leave } = await open('/settings/sources', { tolerate: /./ });
    // The shared worker's stream is out of the test's reach; without one the page has its own.
    await page.addInitScript(() => { Reflect.deleteProperty(globalThis, 'SharedWorker'); });
    await page.route('**/api/v1/stream*', (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'No', status: 503, detail: 'Vigie is stopping.' }) }));
    await page.goto(new URL('/instances', server.url).href);
    await page.locator('main .card [role=alert]', { hasText: 'Instances did not come' }).waitFor();
    await page.unroute('**/api/v1/stream*');
    await ready(page, '/instances');
    await leave();
  });
});

describe('the look of lines', () => {
  it('has the columns that one chooses, and wraps, as the address says', async () => {
    const { page, leave } = await open('/logs?level=error');
    await live(page);
    await ready(page, '/logs');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'Job' }).check();
    await page.getByRole('checkbox', { name: 'From' }).uncheck();
    await page.getByRole('checkbox', { name: 'Wrap long lines' }).check();
    await page.keyboard.press('Escape');
    await expect.poll(() => new URL(page.url()).searchParams.get('cols')).toBe('time,level,job');
    expect(new URL(page.url()).searchParams.get('wrap')).toBe('1');
    await page.reload();
    await page.locator('.log-list.wraps .msg').first().waitFor();
    expect(await page.locator('.log-head span').allTextContents()).toEqual(['Time', 'Level', 'Job', 'Message']);
    expect(await scrollable(page)).toBeLessThan(40);
    server.write(2, `a line of just now ${'that does not fit '.repeat(40)}`);
    await page.goto(new URL('/logs?wrap=1&q=of+just+now', server.url).href);
    const row = page.locator('.log-list .log-row', { hasText: 'of just now' }).first();
    await row.waitFor();
    expect((await row.boundingBox())?.height).toBeGreaterThan(40);
    expect(await findings(page)).toEqual([]);
    await leave();
  });

  it('from the card on Now is the line in its context, also by a link that is old', async () => {
    const { page, leave } = await open('/');
    await live(page);
    await ready(page, '/');
    const said = await page.locator('.log-card .msg').first().textContent();
    await page.locator('.log-card a[data-row]').first().click();
    const detail = page.locator('.log-detail');
    await detail.locator('.log-context [aria-pressed=true]').waitFor();
    // The card cuts what is very long.
    expect((await detail.locator('.log-message').textContent())?.replaceAll('\n', ' ⏎ ').slice(0, said?.length)).toBe(said);
    // The newest thousand of all lines of another queue do not have it: it is looked up.
    const address = new URL(page.url());
    address.searchParams.set('q', 'nothing says this');
    await page.goto(address.href);
    await detail.locator('.log-message').waitFor();
    // The card cuts what is very long.
    expect((await detail.locator('.log-message').textContent())?.replaceAll('\n', ' ⏎ ').slice(0, said?.length)).toBe(said);
    await leave();
  });
});

describe('logs', () => {
  it('are narrowed down by text, expression, level and facets, all of it in the address', async () => {
    const { page, leave } = await open('/logs');
    await live(page);
    await ready(page, '/logs');
    await page.locator('.facets button', { hasText: 'billing' }).click();
    await page.getByRole('combobox', { name: 'Level at least' }).selectOption('error');
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: 'Text or /regex/' }).fill('/10\\.0\\.0\\.\\d+/');
    await expect.poll(() => page.locator('.log-list mark').first().textContent()).toMatch(/^10\.0\.0\.\d+$/);
    const { searchParams } = new URL(page.url());
    expect(Object.fromEntries(searchParams)).toEqual({ queue: 'billing', level: 'error', q: '/10\\.0\\.0\\.\\d+/' });
    await page.reload();
    await ready(page, '/logs');
    expect(new Set(await page.locator('.log-list .lv').allTextContents())).toEqual(new Set(['error']));
    await page.getByRole('button', { name: /^Any Queue again/ }).click();
    await expect.poll(() => page.url()).not.toContain('queue=');
    await leave();
  });

  it('come by themselves, and stand still while one reads', async () => {
    const { page, leave } = await open('/logs');
    await live(page);
    await ready(page, '/logs');
    server.write(3, 'a line of just now');
    await page.locator('.log-list .msg', { hasText: 'a line of just now' }).first().waitFor();
    expect(await scrollable(page)).toBeLessThan(40);
    await page.locator('.log-list').evaluate((list) => { list.scrollTop = 6_000; });
    await page.getByRole('button', { name: 'Follow' }).waitFor();
    const top = await page.locator('.log-list').evaluate((list) => list.scrollTop);
    server.write(7);
    await page.getByRole('button', { name: '7 new lines below' }).waitFor();
    expect(await page.locator('.log-list').evaluate((list) => list.scrollTop)).toBe(top);
    await page.getByRole('button', { name: '7 new lines below' }).click();
    await expect.poll(() => scrollable(page)).toBeLessThan(40);
    // What is older comes when one scrolls to the top, and what one looks at stays.
    const before = await page.locator('.log-foot span').first().textContent();
    await page.locator('.log-list').evaluate((list) => { list.scrollTop = 0; });
    await expect.poll(() => page.locator('.log-foot span').first().textContent()).not.toBe(before);
    expect(await page.locator('.log-list').evaluate((list) => list.scrollTop)).toBeGreaterThan(1_000);
    await leave();
  });

  it('open to all that a line says and what stands around it; the link shows the same', async () => {
    const { page, leave } = await open('/logs?level=error');
    await live(page);
    await ready(page, '/logs');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const detail = page.locator('.log-detail');
    await detail.locator('.log-context .msg').nth(3).waitFor();
    expect(await detail.locator('.log-context [aria-pressed=true] .msg').count()).toBe(1);
    const said = await detail.locator('.log-message').textContent();
    await page.reload();
    await expect.poll(() => detail.locator('.log-message').textContent()).toBe(said);
    const job = await detail.locator('button[data-tip="Lines of this job"]').textContent();
    await detail.locator('button[data-tip="Lines of this job"]').click();
    await expect.poll(() => new URL(page.url()).searchParams.get('job')).toBe(job);
    await leave();
  });
});

describe('the ways to lines and from them', () => {
  it('lead from a worker and an instance to what they wrote', async () => {
    const { page, leave } = await open('/workers');
    await live(page);
    await ready(page, '/workers');
    await page.locator('table.workers a[data-row]').first().click();
    await expect.poll(() => page.url()).toMatch(/\/logs\?(instance|queue)=./);
    await page.goto(new URL('/instances', server.url).href);
    await page.locator('table.instances a[data-row]', { hasText: 'api-1' }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get('instance')).toBe('api-1');
    await ready(page, '/logs');
    await leave();
  });

  it('lead from a line to its trace, its queue and its instance', async () => {
    const { page, leave } = await open('/logs?level=error');
    await live(page);
    await ready(page, '/logs');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const detail = page.locator('.log-detail');
    const row = page.locator('.log-list [aria-pressed=true]');
    await detail.waitFor();
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    expect(await row.count()).toBe(0);
    await page.keyboard.press('Enter');
    await detail.locator('button[data-tip="Lines of this trace"]').click();
    const trace = new URL(page.url()).searchParams.get('trace') ?? '';
    expect(trace).toMatch(/^trace-\d+$/);
    await page.getByRole('button', { name: `Any Trace again: ${trace} is dropped` }).waitFor();
    await expect.poll(() => page.locator('.log-list .msg').count()).toBeLessThanOrEqual(10);
    await detail.getByRole('link', { name: /^Instance api-/ }).click();
    await expect.poll(() => page.url()).toMatch(/\/instances\?q=api-\d/);
    await page.goBack();
    await detail.getByRole('link', { name: /^Queue (emails|billing)/ }).click();
    await expect.poll(() => page.url()).toMatch(/\/queues\?q=(emails|billing)/);
    await leave();
  });
});

describe('lines', () => {
  it('are grouped by what they say, and given away as NDJSON', async () => {
    const { page, leave } = await open('/logs');
    await live(page);
    await ready(page, '/logs');
    await page.getByRole('button', { name: 'Download NDJSON' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.menu:popover-open').getByRole('button', { name: 'Download NDJSON' }).click()]);
    const lines = readFileSync(await download.path(), 'utf8').trimEnd().split('\n').map((text) => JSON.parse(text) as { message: string });
    expect(lines.length).toBeGreaterThanOrEqual(1_000);
    expect(lines.some(({ message }) => message.includes('<script>'))).toBe(true);
    await page.getByRole('button', { name: 'Patterns' }).click();
    await expect.poll(() => page.locator('.log-patterns tbody tr').first().textContent()).toMatch(/job # finished in # s/);
    await leave();
  });

  it('say what failed, and try again', async () => {
    const { page, leave } = await open('/logs', { tolerate: /400/ });
    await live(page);
    await ready(page, '/logs');
    server.fail('q is no regular expression: unclosed group');
    await page.getByRole('searchbox', { name: 'Text or /regex/' }).fill('/(/');
    await page.locator('.log-pane [role=alert]', { hasText: 'unclosed group' }).waitFor();
    server.fail(null);
    await page.getByRole('searchbox', { name: 'Text or /regex/' }).fill('finished');
    await page.locator('.log-list mark').first().waitFor();
    await leave();
  });

  it('are brushed over time', async () => {
    const { page, leave } = await open('/logs');
    await live(page);
    await ready(page, '/logs');
    const box = await page.locator('svg.log-bars').boundingBox();
    if (!box) throw new Error('the histogram has no box');
    await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 30, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => page.url()).toMatch(/from=\d+&to=\d+/);
    await ready(page, '/logs');
    await leave();
  });
});

describe('events', () => {
  it('come over the stream, and lead to what they are about', async () => {
    const { page, leave } = await open('/events');
    const asked: string[] = [];
    page.on('request', (request) => { if (request.url().includes('/api/v1/events')) asked.push(request.method()); });
    await page.reload();
    await live(page);
    await ready(page, '/events');
    const name = `release-${Date.now()}`;
    const posted = await fetch(new URL('/api/v1/events', server.url), { method: 'POST', body: JSON.stringify({ type: 'deploy', subject: name, message: 'it is out', source: 'ci' }) });
    expect(posted.ok).toBe(true);
    await page.locator('.tl li', { hasText: name }).waitFor();
    // The past was asked for once; more than the 5 s after which it used to be asked for again change nothing.
    await page.waitForTimeout(6_000);
    expect(asked).toEqual(['GET']);
    await page.locator('.tl li', { hasText: name }).getByRole('link').click();
    await expect.poll(() => page.url()).toMatch(/\/logs\?from=\d+&to=\d+/);
    await page.goto(new URL('/events?type=worker_joined&range=1h', server.url).href);
    await page.locator('.tl li a').first().click();
    await expect.poll(() => page.url()).toMatch(/\/workers\?q=./);
    await page.goto(new URL('/events?type=queue_appeared&range=1h', server.url).href);
    await page.locator('.tl li a').first().click();
    await expect.poll(() => page.url()).toMatch(/\/queues\/./);
    // The same event stands as a mark on the charts.
    await page.locator('.event-mark').first().waitFor();
    await expect.poll(async () => (await page.locator('.event-mark').evaluateAll((marks) => marks.map((mark) => mark.ariaLabel))).join()).toContain(name);
    await leave();
  });
});

describe('a deploy', () => {
  it('told by one line of curl stands on every chart over time', async () => {
    const name = `curl-${Date.now()}`;
    // As `curl -d` sends it, whatever it holds.
    const posted = await fetch(new URL('/api/v1/events', server.url), { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: JSON.stringify({ type: 'deploy', subject: name, message: 'it is out' }) });
    expect(posted.status).toBeLessThan(300);
    // A queue has heat maps of what is known of its attempts, and marks on each.
    const { page, leave } = await open('/queues?sort=out');
    await live(page);
    const queue = (await page.locator('table.queues a[data-row]').first().getAttribute('href')) ?? '';
    for (const [path, least] of [['/', 2], [queue, 4], ['/workers', 2], ['/logs', 1], ['/explore?q=vigie_queue_jobs', 1]] as const) {
      // oxlint-disable no-await-in-loop -- one page after the other
      await page.goto(new URL(path, server.url).href);
      const charts = () => page.locator('.marks').evaluateAll((all, wanted) => all.map((layer) => [...layer.children].some((mark) => mark.ariaLabel?.includes(wanted))), name);
      await expect.poll(async () => (await charts()).length, { timeout: 20_000, message: path }).toBeGreaterThanOrEqual(least);
      await expect.poll(charts, { timeout: 20_000, message: path }).not.toContain(false);
      // oxlint-enable no-await-in-loop
    }
    await leave();
  });
});

describe('events in the list', () => {
  it('are filtered by type and words', async () => {
    const { page, leave } = await open('/events?range=1h');
    await live(page);
    await ready(page, '/events');
    await page.getByRole('combobox', { name: 'Type' }).selectOption('queue_appeared');
    await expect.poll(() => page.url()).toContain('type=queue_appeared');
    expect(new Set(await page.locator('.tl li b').allTextContents())).toEqual(new Set(['Queue appeared']));
    const all = await page.locator('.tl li').count();
    await page.getByRole('searchbox').fill('nothing of this name');
    await page.locator('.empty').waitFor();
    await page.getByRole('searchbox').fill('');
    await expect.poll(() => page.locator('.tl li').count()).toBe(all);
    await leave();
  });

  it('speak French, as the lines and instances do', async () => {
    const { page, leave } = await open('/events', { locale: 'fr-FR' });
    await live(page);
    await ready(page, '/events');
    for (const path of ['/events', '/logs', '/instances']) {
      // oxlint-disable no-await-in-loop -- one page after the other
      await page.goto(new URL(path, server.url).href);
      await ready(page, path);
      const text = await page.locator('main').textContent();
      for (const english of ['Queue appeared', 'Lines over time', 'Narrow down', 'views differ', 'Since']) expect(text).not.toContain(english);
      // oxlint-enable no-await-in-loop
    }
    await leave();
  });
});
