import { describe, expect, it } from 'vitest';
import { anyQueue, live, QUEUE_LANDMARK, visit } from './browser.ts';

describe('the address', () => {
  it('holds filter, sort and grouping; a copied link shows the same; back works', async () => {
    const { page, leave } = await visit('/queues');
    await live(page);
    await page.getByRole('button', { name: 'Waiting' }).click();
    await expect.poll(() => page.url()).toContain('sort=waiting');
    await page.getByRole('button', { name: 'By source' }).click();
    await page.locator('tr.group').first().waitFor();
    await page.goto(page.url());
    await page.locator('tr.group').first().waitFor();
    expect(await page.locator('th[aria-sort=descending]').textContent()).toContain('Waiting');
    await page.getByRole('button', { name: 'Flat' }).click();
    await expect.poll(() => page.locator('tr.group').count()).toBe(0);
    await page.goBack();
    await page.locator('tr.group').first().waitFor();
    await leave();
  });

  it('holds the range and a brushed stretch, on all pages, until a double click', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.getByRole('button', { name: '5 min', exact: true }).click();
    await expect.poll(() => page.url()).toContain('range=5m');
    const plot = page.locator('section[aria-label=Throughput] .u-over');
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    if (!box) throw new Error('the chart has no box');
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 42, { steps: 6 });
    await page.mouse.up();
    await expect.poll(() => page.url()).toMatch(/from=\d+&to=\d+/);
    const { searchParams } = new URL(page.url());
    const span = Number(searchParams.get('to')) - Number(searchParams.get('from'));
    expect(span).toBeGreaterThan(60);
    expect(span).toBeLessThan(120);
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Workers' }).click();
    await expect.poll(() => page.url()).toMatch(/\/workers\?.*from=\d+/);
    await page.locator('.u-over').first().dblclick();
    await expect.poll(() => page.url()).not.toContain('from=');
    expect(page.url()).toContain('range=5m');
    await leave();
  });

  it('gives charts away as PNG and CSV', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    for (const [button, name] of [['Save as CSV', 'vigie-throughput.csv'], ['Save as PNG', 'vigie-throughput.png']] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one file after the other
      await page.getByRole('button', { name: 'Save Throughput' }).click();
      // oxlint-disable-next-line no-await-in-loop
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.menu:popover-open').getByRole('button', { name: button }).click()]);
      expect(download.suggestedFilename()).toBe(name);
    }
    await leave();
  });

  it('of a queue without its kind leads to the queue', async () => {
    const { page, leave } = await visit('/', { tolerate: /409/ });
    const [, , source, , queue] = (await anyQueue(page)).split(/[/?]/);
    await page.goto(new URL(`/queues/${source}/${queue}`, page.url()).href);
    await page.locator(`${QUEUE_LANDMARK}, .ambiguous li a`).first().waitFor();
    await leave();
  });
});
