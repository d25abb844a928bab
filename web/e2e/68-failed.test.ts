import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { base, live, visit } from './browser.ts';

interface Failing { source: string; kind: string; queue: string }

/** A queue of the examples in which something has failed for good; some of their jobs are made for it. */
async function failing(): Promise<Failing> {
  let found: Failing | undefined;
  await expect.poll(async () => {
    const { queues } = (await (await fetch(new URL('/api/v1/queue/status', base))).json()) as { queues: (Failing & { jobs: { failed?: number | null } })[] };
    found = queues.find(({ kind, jobs }) => kind === 'bullmq' && (jobs.failed ?? 0) > 0);
    return found !== undefined;
  }, { timeout: 45_000, interval: 500 }).toBe(true);
  if (!found) throw new Error('nothing fails');
  return found;
}

const pathOf = ({ source, kind, queue }: Failing) => `/queues/${[source, kind, queue].map(encodeURIComponent).join('/')}`;
const card = (page: Page) => page.getByRole('region', { name: 'Failed jobs', exact: true }).first();
const rows = (page: Page) => page.locator('table.failed:not(.error-groups) tbody tr:not(.only-phone):has(td time)');

const HOSTILE = '<img src=x onerror=alert(1)> \u202eturned\u0000\nsecond line';
const job = (id: string, change: object = {}) => ({
  id, type: 'send', state: 'failed', time: new Date().toISOString(), attempt: 3, attempts: 3, error: 'no such user', too_long: false, worker: 'w1', instance: null, wait_seconds: 0.5, run_seconds: 0.25, trace: null, ...change,
});
const answer = (...jobs: object[]) => ({ json: { at: new Date().toISOString(), jobs } });
const PATH = /\/api\/v1\/queue\/failed/;

describe('failed jobs', () => {
  it('are those that the broker keeps, and each leads to its lines', async () => {
    const queue = await failing();
    const { page, leave } = await visit(pathOf(queue));
    await live(page);
    await rows(page).first().waitFor();
    const told = (await (await page.request.get(new URL(`/api/v1/queue/failed?${new URLSearchParams({ source: queue.source, queue: queue.queue, kind: queue.kind })}`, base).href)).json()) as { jobs: { id: string; error: string }[] };
    const shown = await rows(page).first().textContent();
    expect(told.jobs.some(({ id, error }) => shown?.includes(id) && shown.includes(error))).toBe(true);
    const id = (await rows(page).first().locator('a[data-row]').textContent()) ?? '';
    await rows(page).first().locator('a[data-row]').click();
    await expect.poll(() => page.url()).toContain('/logs?');
    const { searchParams } = new URL(page.url());
    expect([searchParams.get('job'), searchParams.get('queue')]).toEqual([id, queue.queue]);
    await leave();
  });

  it.each(['light', 'dark'] as const)('have no fault for axe, wide and on a phone, %s', async (colorScheme) => {
    const queue = await failing();
    const { page, leave } = await visit(pathOf(queue), { colorScheme });
    await page.route(PATH, (route) => route.fulfill(answer(job('1', { error: HOSTILE.repeat(40) }), job('2', { state: 'retry', error: null, too_long: true, trace: 'abc', instance: 'api-1' }))));
    await page.reload();
    await live(page);
    await rows(page).first().waitFor();
    expect(await findings(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.locator('table.failed:not(.error-groups) .only-phone button').first().click();
    await page.locator('table.failed:not(.error-groups) .only-phone pre').first().waitFor();
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth))).toBeLessThanOrEqual(390);
    await leave();
  });

  it('show hostile errors as text, whole on demand and by the keyboard', async () => {
    const queue = await failing();
    const { page, leave } = await visit('/');
    const long = `${HOSTILE} ${'x'.repeat(1_500)} end`;
    const old = new Date(Date.now() - 5 * 3_600_000).toISOString();
    await page.route(PATH, (route) => route.fulfill(answer(job('1', { error: long }), job('2', { trace: '4bf92f', instance: 'api-2', time: old }))));
    await page.goto(new URL(pathOf(queue), base).href);
    await live(page);
    await rows(page).first().waitFor();
    const button = rows(page).first().locator('button');
    await button.focus();
    await page.keyboard.press('Enter');
    const whole = page.locator('table.failed:not(.error-groups) tr:not(.only-phone) pre');
    await whole.waitFor();
    expect(await whole.textContent()).toBe(`<img src=x onerror=alert(1)> ‹U+202E›turned‹U+0000›\nsecond line ${'x'.repeat(1_500)} end`);
    expect(await page.locator('main img').count()).toBe(0);
    await page.keyboard.press('Enter');
    await whole.waitFor({ state: 'detached' });
    // The trace of a job that failed before what the page looks at brings its own stretch.
    const trace = new URL((await page.getByRole('link', { name: 'Trace' }).getAttribute('href')) ?? '', base).searchParams;
    expect(trace.get('trace')).toBe('4bf92f');
    expect(Number(trace.get('from'))).toBeLessThan(Date.parse(old) / 1_000);
    expect(Number(trace.get('to'))).toBeGreaterThan(Date.parse(old) / 1_000);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('2');
    await leave();
  });
});

describe('the list of failed jobs', () => {
  it('says why it is not there, keeps what was there, and says when there are none', async () => {
    const queue = await failing();
    const { page, leave } = await visit('/', { tolerate: /503/ });
    let given: object | null = null;
    await page.route(PATH, (route) => route.fulfill(given ?? { status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'No', status: 503, detail: 'Redis is away' }) }));
    await page.goto(new URL(pathOf(queue), base).href);
    await live(page);
    await card(page).getByRole('alert').filter({ hasText: 'Redis is away' }).waitFor();
    given = answer(job('7'));
    await card(page).getByRole('button', { name: 'Try again' }).click();
    await rows(page).first().waitFor();
    given = answer();
    await card(page).getByText('The broker keeps no failed job of this queue.').waitFor({ timeout: 40_000 });
    await leave();
  });

  it('speaks French', async () => {
    const queue = await failing();
    const { page, leave } = await visit(pathOf(queue), { locale: 'fr-FR' });
    await live(page);
    await rows(page).first().waitFor();
    const text = await page.locator('section', { has: page.locator('table.failed:not(.error-groups)') }).last().textContent();
    for (const english of ['Failed', 'newest', 'Attempts', 'Error lines', 'Lines']) expect(text).not.toContain(english);
    await leave();
  });
});

const groups = (page: Page) => page.locator('table.error-groups tbody tr:has(td.failed-error)');

describe('the errors of a queue', () => {
  const answers = answer(
    job('11', { error: 'no answer from 10.0.0.7:443 after 30 s' }), job('12', { error: HOSTILE, state: 'retry' }),
    job('13', { error: 'no answer from 10.0.0.8:443 after 2 s', type: 'remind', time: new Date(Date.now() - 60_000).toISOString() }),
    job('14', { error: null }),
  );

  it('are grouped, each with an example that leads to its lines', async () => {
    const queue = await failing();
    const { page, leave } = await visit('/');
    await page.route(PATH, (route) => route.fulfill(answers));
    await page.goto(new URL(pathOf(queue), base).href);
    await live(page);
    await expect.poll(() => groups(page).count()).toBe(3);
    const first = groups(page).first();
    expect(await first.locator('td').evaluateAll((cells) => cells.map(({ textContent }) => textContent))).toEqual(
      [expect.stringContaining('no answer from <address> after # s'), '2', expect.stringMatching(/send.*remind|remind.*send/), expect.stringMatching(/:/), '11'],
    );
    await page.getByText('3 kinds among the 4 newest failed jobs').waitFor();
    await first.locator('button').press('Enter');
    expect(await page.locator('.error-groups tr:not(.only-phone) pre').textContent()).toBe('no answer from 10.0.0.7:443 after 30 s');
    expect(await page.locator('main img').count()).toBe(0);
    const lines = new URL((await first.getByRole('link').getAttribute('href')) ?? '', base).searchParams;
    expect([lines.get('job'), lines.get('queue')]).toEqual(['11', queue.queue]);
    await leave();
  });

  it('have no fault for axe on a phone, and speak French', async () => {
    const queue = await failing();
    const { page, leave } = await visit('/', { locale: 'fr-FR', viewport: { width: 390, height: 844 } });
    await page.route(PATH, (route) => route.fulfill(answers));
    await page.goto(new URL(pathOf(queue), base).href);
    await live(page);
    await groups(page).first().locator('button').click();
    await page.locator('.error-groups .only-phone pre').waitFor();
    await page.getByText('3 sortes parmi les 4 dernières tâches en échec').waitFor();
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth))).toBeLessThanOrEqual(390);
    await leave();
  });
});
