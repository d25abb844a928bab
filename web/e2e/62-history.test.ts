import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { anyQueue, live, QUEUE_LANDMARK, visit, type Visit } from './browser.ts';

/** Needs a server with a store: `/api/v1/history` with `from`, `to` and `points`, and `/api/v1/heatmap`. */
const address = (page: Page) => new URL(page.url()).searchParams;
const chart = (page: Page, name: string) => page.locator(`section[aria-label="${name}"] .u-over`);

async function brush(page: Page, plot: Locator, from: number, to: number): Promise<void> {
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  if (!box) throw new Error('the chart has no box');
  await page.mouse.move(box.x + box.width * from, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * to, box.y + 62, { steps: 6 });
  await page.mouse.up();
}

const text = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19);

/** Waits for the answer of the store that a step provokes. */
async function stored(page: Page, step: () => Promise<unknown>): Promise<URLSearchParams> {
  const [answer] = await Promise.all([page.waitForResponse((response) => /\/api\/v1\/history\?.*from=/.test(response.url())), step()]);
  expect(answer.status()).toBe(200);
  return new URL(answer.url()).searchParams;
}

async function onQueue(options: Parameters<typeof visit>[1] = {}, search = ''): Promise<Visit> {
  const here = await visit('/', options);
  await here.page.goto(new URL((await anyQueue(here.page)) + search, here.page.url()).href);
  await here.page.locator(QUEUE_LANDMARK).first().waitFor();
  return here;
}

describe('the range', () => {
  it.each([['1 h', '1h', 3_600], ['24 h', '24h', 86_400], ['30 d', '30d', 2_592_000]])('of %s comes from the store', async (button, word, seconds) => {
    const { page, leave } = await visit('/');
    await live(page);
    const asked = await stored(page, () => page.getByRole('button', { name: button, exact: true }).click());
    expect(Number(asked.get('to')) - Number(asked.get('from'))).toBe(seconds);
    expect(address(page).get('range')).toBe(word);
    await chart(page, 'Throughput').waitFor();
    await leave();
  });

  it('is chosen by hand, in the address, and back works', async () => {
    const { page, leave } = await visit('/?tz=utc');
    await live(page);
    await page.getByRole('button', { name: /^Time range/ }).click();
    const now = Math.floor(Date.now() / 1_000);
    await page.getByLabel('From', { exact: true }).fill(text(now - 7_200));
    await page.getByLabel('To', { exact: true }).fill(text(now - 3_600));
    const asked = await stored(page, () => page.getByRole('button', { name: 'Show', exact: true }).click());
    expect([asked.get('from'), asked.get('to')]).toEqual([String(now - 7_200), String(now - 3_600)]);
    await page.locator('.live[data-state=past]').waitFor();
    await page.reload();
    await page.locator('.live[data-state=past]').waitFor();
    await page.locator('.live').click();
    await page.locator('.live[data-state=fresh]').waitFor();
    expect(address(page).has('from')).toBe(false);
    await page.goBack();
    await expect.poll(() => address(page).get('from')).toBe(String(now - 7_200));
    await leave();
  });

  it('refuses an end before its start', async () => {
    const { page, leave } = await visit('/?tz=utc');
    await live(page);
    await page.getByRole('button', { name: /^Time range/ }).click();
    await page.getByLabel('To', { exact: true }).fill('2001-01-01T00:00:00');
    await page.getByText('The end has to come after the start').waitFor();
    expect(await page.getByRole('button', { name: 'Show', exact: true }).isDisabled()).toBe(true);
    await leave();
  });
});

describe('a brush', () => {
  it('zooms all charts of a page, twice, and two double clicks lead back', async () => {
    const { page, leave } = await onQueue({}, '?range=1h');
    await brush(page, chart(page, 'Depth'), 0.2, 0.8);
    await expect.poll(() => address(page).has('from')).toBe(true);
    const [from, to] = [Number(address(page).get('from')), Number(address(page).get('to'))];
    expect(to - from).toBeGreaterThan(1_800);
    expect(to - from).toBeLessThan(2_400);
    await page.locator('.live[data-state=past]').waitFor();
    await brush(page, chart(page, 'Errors'), 0.4, 0.6);
    await expect.poll(() => Number(address(page).get('to')) - Number(address(page).get('from'))).toBeLessThan(600);
    await chart(page, 'Rates').dblclick();
    await expect.poll(() => [Number(address(page).get('from')), Number(address(page).get('to'))]).toEqual([from, to]);
    await chart(page, 'Depth').dblclick();
    await expect.poll(() => address(page).has('from')).toBe(false);
    expect(address(page).get('range')).toBe('1h');
    await leave();
  });
});

describe('a chart', () => {
  it('is compared with the day before, in the address and in the file', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.getByRole('button', { name: /^Time range/ }).click();
    const asked = await stored(page, () => page.getByRole('button', { name: 'Yesterday' }).click());
    expect(Date.now() / 1_000 - Number(asked.get('to'))).toBeGreaterThan(86_000);
    expect(address(page).get('cmp')).toBe('day');
    await page.keyboard.press('Escape');
    await page.locator('section[aria-label=Throughput] .legend').getByText('in, yesterday').waitFor();
    await page.getByRole('button', { name: 'Save Throughput' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.menu:popover-open').getByRole('button', { name: 'Save as CSV' }).click()]);
    const stream = await download.createReadStream();
    let csv = '';
    for await (const chunk of stream) csv += String(chunk);
    expect(csv.split('\n')[0]).toBe('time,"in","out","failed","in, yesterday","out, yesterday"');
    await leave();
  });

  it('leads to the query behind it', async () => {
    const { page, leave } = await visit('/?range=1h');
    await live(page);
    await page.getByRole('link', { name: 'Open the query behind Throughput' }).click();
    await page.waitForURL(/\/explore\?/);
    expect(address(page).getAll('q')).toHaveLength(3);
    expect(address(page).get('range')).toBe('1h');
    await expect.poll(() => page.locator('.query .explain .hint').count()).toBe(3);
    await leave();
  });
});

describe('the heat map', () => {
  it('is drawn, is a table too, and is remembered by the address', async () => {
    const { page, leave } = await onQueue();
    const card = page.locator('.heat-card');
    await card.locator('.heat canvas, .heat.empty').first().waitFor();
    await card.getByRole('button', { name: 'Run', exact: true }).click();
    await expect.poll(() => address(page).get('heat')).toBe('run');
    if ((await card.locator('.heat.empty').count()) === 0) {
      await card.getByRole('button', { name: 'Table', exact: true }).click();
      await card.locator('.heat-table tbody tr').first().waitFor();
    }
    await leave();
  });
});

describe.each(['light', 'dark'] as const)('axe, history, %s', (colorScheme) => {
  it('finds nothing on a queue over a day with a comparison, nor in the menu of the range', async () => {
    const { page, leave } = await onQueue({ colorScheme }, '?range=24h&cmp=week');
    await page.locator('.heat-card').locator('.heat canvas, .heat.empty').first().waitFor();
    expect(await findings(page)).toEqual([]);
    await page.getByRole('button', { name: /^Time range/ }).click();
    await page.getByLabel('From', { exact: true }).waitFor();
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});

describe.each(['en-GB', 'fr-FR'])('history on a phone, %s', (locale) => {
  it('has no sideways scroll, and the menu of the range is whole', async () => {
    const { page, leave } = await onQueue({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale }, '?from=1700000000&to=1700090000');
    await page.locator('.heat-card').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    const outside = await page.evaluate(() => [...document.querySelectorAll('header.top *')].filter((element) => element.getBoundingClientRect().right > 391 && element.checkVisibility()).map((element) => element.outerHTML.slice(0, 120)));
    expect(outside).toEqual([]);
    await page.locator('.range-menu').click();
    const menu = await page.locator('.menu:popover-open').boundingBox();
    expect(menu?.x ?? -1).toBeGreaterThanOrEqual(0);
    expect((menu?.x ?? 0) + (menu?.width ?? 999)).toBeLessThanOrEqual(390);
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});
