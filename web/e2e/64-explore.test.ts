import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { live, visit } from './browser.ts';

/** Needs a server that answers PromQL: `/api/v1/query`, `/query_range`, `/labels`, `/label/…/values`, `/metadata`, `/format_query`. */
const METRIC = 'vigie_queue_jobs';
const address = (page: Page) => new URL(page.url()).searchParams;
const editor = (page: Page, letter = 'A') => page.getByRole('textbox', { name: `Query ${letter}` });
/** So many queries have their answer; if not, what is said beside them is in the failure. */
const explained = (page: Page, n: number) => expect.poll(async () => ({ answered: await page.locator('.query .explain .hint').count(), said: await page.locator('.query').allInnerTexts() })).toMatchObject({ answered: n });
const link = (queries: string[], rest = '') => `/explore?${queries.map((query) => `q=${encodeURIComponent(query)}`).join('&')}${rest}`;

describe('Explore', () => {
  it('begins with examples, and runs one at a press', async () => {
    const { page, leave } = await visit('/explore');
    await live(page);
    await page.locator('.examples button').filter({ hasText: 'most series' }).click();
    await explained(page, 1);
    expect(address(page).get('q')).toContain('topk(10');
    await page.locator('.series-chart canvas').waitFor();
    await leave();
  });

  it('proposes metrics, labels and values, and runs on Ctrl-Enter', async () => {
    const { page, leave } = await visit('/explore');
    const proposals = page.getByRole('listbox', { name: 'Proposals' });
    await editor(page).click();
    await page.keyboard.type('vigie_queue_j');
    await proposals.getByRole('option', { name: METRIC }).waitFor();
    await page.keyboard.press('Enter');
    expect(await editor(page).inputValue()).toBe(METRIC);
    await page.keyboard.type('{sta');
    await proposals.getByRole('option', { name: 'state' }).first().waitFor();
    await page.keyboard.press('Enter');
    await proposals.getByRole('option', { name: 'waiting' }).waitFor();
    await page.keyboard.type('wai');
    await proposals.getByRole('option', { name: 'waiting' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await editor(page).inputValue()).toBe(`${METRIC}{state="waiting"`);
    await page.keyboard.type('}');
    await page.keyboard.press('Control+Enter');
    await explained(page, 1);
    expect(address(page).get('q')).toBe(`${METRIC}{state="waiting"}`);
    expect(await page.locator('.explain .hint').textContent()).toMatch(/series · ([\d,]+ read · )?[\d,]+ samples? · /);
    await leave();
  });

  it('closes the proposals on Escape, and opens them on Ctrl-Space', async () => {
    const { page, leave } = await visit('/explore');
    const proposals = page.getByRole('listbox', { name: 'Proposals' });
    await editor(page).click();
    await page.keyboard.press('Control+Space');
    await proposals.getByRole('option').nth(3).waitFor();
    await page.keyboard.press('Escape');
    await proposals.waitFor({ state: 'detached' });
    await page.keyboard.type('histogram_quant');
    await proposals.getByRole('option', { name: 'histogram_quantile function' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await editor(page).inputValue()).toBe('histogram_quantile(');
    await leave();
  });

  it('shows where a query is wrong', async () => {
    const { page, leave } = await visit(link(['sum by (queue) (up)) + 1']), { tolerate: /400/ });
    await page.locator('.query-fault').getByText(/^At character \d+:/).waitFor();
    expect(await page.locator('.promql .fault').textContent()).toBe(')');
    expect(await editor(page).getAttribute('aria-invalid')).toBe('true');
    await editor(page).fill('1 + 1');
    await page.locator('.query-fault').waitFor({ state: 'detached' });
    await leave();
  });

  it('lays a query out', async () => {
    const { page, leave } = await visit('/explore');
    await editor(page).fill(`sum   by(queue)(${METRIC})`);
    await page.getByRole('button', { name: 'Format' }).click();
    await expect.poll(() => editor(page).inputValue()).toMatch(/^sum by ?\(queue\) \(/);
    await leave();
  });
});

describe('the editor', () => {
  it('shows all of a query of several lines, its tools beside it', async () => {
    const { page, leave } = await visit(link([`sum(${METRIC})\n  + 1\n  + 2`]));
    const box = page.locator('.promql textarea').first();
    await box.waitFor();
    expect(await box.evaluate((field) => field.scrollHeight - field.clientHeight)).toBe(0);
    const [query, tools] = [await page.locator('.promql').first().boundingBox(), await page.locator('.query-tools').first().boundingBox()];
    expect(tools?.x ?? 0).toBeGreaterThanOrEqual((query?.x ?? 0) + (query?.width ?? 0));
    await leave();
  });

  it('keeps the cursor for one who types on at once, however late the frames come', async () => {
    const { page, leave } = await visit('/explore');
    await editor(page).click();
    await page.keyboard.type('vigie_queue_j');
    await page.getByRole('listbox', { name: 'Proposals' }).getByRole('option', { name: METRIC }).waitFor();
    await page.evaluate(() => {
      globalThis.requestAnimationFrame = (callback) => setTimeout(() => callback(performance.now()), 400) as unknown as number;
    });
    await page.keyboard.press('Enter');
    await page.keyboard.type('{state', { delay: 120 });
    expect(await editor(page).inputValue()).toBe(`${METRIC}{state`);
    await leave();
  });
});

describe('by keys alone', () => {
  it('one goes to Explore, types, runs and leaves', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.keyboard.press('g');
    await page.keyboard.press('e');
    await expect.poll(() => new URL(page.url()).pathname).toBe('/explore');
    await page.locator('.examples button').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('1 + 2');
    await page.keyboard.press('Control+Enter');
    await explained(page, 1);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('BUTTON');
    await leave();
  });
});

describe('a link to Explore', () => {
  it('carries queries, range, kind and view; back works', async () => {
    const { page, leave } = await visit(link([METRIC, `sum(${METRIC})`], '&range=1h&off=A'));
    await explained(page, 1);
    expect(await page.locator('.series tbody td.w-letter').first().textContent()).toBe('B');
    await page.getByRole('button', { name: 'Query A on or off' }).click();
    await explained(page, 2);
    await page.getByRole('button', { name: 'Instant' }).click();
    await expect.poll(() => address(page).get('at')).toBe('instant');
    await page.getByRole('columnheader', { name: 'Value' }).waitFor();
    await page.goBack();
    await page.locator('.series-chart canvas').waitFor();
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await expect.poll(() => address(page).get('view')).toBe('table');
    await page.goto(page.url());
    await explained(page, 2);
    expect(await page.locator('.series-chart canvas').count()).toBe(0);
    expect(address(page).getAll('q')).toEqual([METRIC, `sum(${METRIC})`]);
    await leave();
  });

  it('is remembered among the recent ones, once it has been run here', async () => {
    const { page, leave } = await visit('/explore');
    await editor(page).fill('1 + 41');
    await page.keyboard.press('Control+Enter');
    await explained(page, 1);
    await page.reload();
    await page.getByRole('button', { name: 'Recent' }).click();
    await page.locator('.menu:popover-open').getByRole('button', { name: '1 + 41' }).waitFor();
    await leave();
  });

  it('adds and removes queries', async () => {
    const { page, leave } = await visit(link(['1', '2', '3']));
    await explained(page, 3);
    await page.getByRole('button', { name: 'Remove query B' }).click();
    await explained(page, 2);
    expect(address(page).getAll('q')).toEqual(['1', '3']);
    await page.getByRole('button', { name: 'Add a query' }).click();
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Query C, in PromQL');
    await leave();
  });

  it('saves what it shows', async () => {
    const { page, leave } = await visit(link([METRIC]));
    await explained(page, 1);
    for (const [button, name] of [['Save as CSV', 'vigie-explore.csv'], ['Save as PNG', 'vigie-explore.png']] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one file after the other
      await page.getByRole('button', { name: 'Save Answer' }).click();
      // oxlint-disable-next-line no-await-in-loop
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.menu:popover-open').getByRole('button', { name: button }).click()]);
      expect(download.suggestedFilename()).toBe(name);
    }
    await leave();
  });
});

describe.each(['light', 'dark'] as const)('axe, Explore, %s', (colorScheme) => {
  it('finds nothing: empty, with proposals, with answers, with a fault', async () => {
    const { page, leave } = await visit('/explore', { colorScheme, tolerate: /400/ });
    await page.locator('.examples button').first().waitFor();
    expect(await findings(page)).toEqual([]);
    await editor(page).click();
    await page.keyboard.type('rat');
    await page.getByRole('listbox', { name: 'Proposals' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.goto(new URL(link([METRIC, 'sum(']), page.url()).href);
    await explained(page, 1);
    await page.locator('.query-fault').waitFor();
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});

describe.each([['en-GB', 'light'], ['fr-FR', 'dark']] as const)('Explore on a phone, %s, %s', (locale, colorScheme) => {
  it('has no sideways scroll, and nothing for axe', async () => {
    const { page, leave } = await visit(link([METRIC, '1 + 1']), { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale, colorScheme });
    await explained(page, 2);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});

describe('LogQL', () => {
  it('finds lines as a list and figures as a chart, proposes labels, and is in the address', async () => {
    const { page, leave } = await visit('/explore', { tolerate: /400/ });
    await live(page);
    await page.getByRole('button', { name: 'LogQL', exact: true }).click();
    await editor(page).click();
    await page.keyboard.type('{');
    await page.getByRole('listbox', { name: 'Proposals' }).getByRole('option', { name: 'source', exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await editor(page).fill('{source=~".+"}');
    await page.keyboard.press('Control+Enter');
    await page.locator('.explore-lines li').first().waitFor();
    await expect.poll(() => page.locator('.explain .hint').textContent()).toMatch(/lines? · [\d,]+ lines? read/);
    expect(new URL(page.url()).searchParams.get('logql')).toBe('A');
    expect(await findings(page)).toEqual([]);
    await editor(page).fill('sum by (source) (count_over_time({source=~".+"}[1h]))');
    await page.keyboard.press('Control+Enter');
    await page.locator('.series-chart canvas').waitFor();
    await page.reload();
    await page.locator('.series tbody td.mono').first().waitFor();
    await editor(page).fill('{source=~".+"} |= ');
    await page.keyboard.press('Control+Enter');
    await page.locator('.query-fault').getByText(/^At character \d+:/).waitFor();
    await leave();
  });
});
