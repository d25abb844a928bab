import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { base, live, visit } from './browser.ts';

/** How many streams the server has open, by its own count. */
async function streams(): Promise<number> {
  const metrics = await (await fetch(new URL('/metrics', base))).text();
  return Number(/^vigie_stream_clients (\d+)/m.exec(metrics)?.[1] ?? Number.NaN);
}

const figures = (page: Page) => page.locator('section[aria-label=Throughput] .legend').textContent();
const moves = async (page: Page) => {
  const before = await figures(page);
  await expect.poll(() => figures(page), { timeout: 15_000 }).not.toBe(before);
};

/** Writes down every state of the pill from now on. */
const watchStates = (each: Page) => each.evaluate(() => {
  const states = new Set<string>();
  Object.assign(window, { states });
  new MutationObserver(() => states.add(document.querySelector('.live')?.getAttribute('data-state') ?? '')).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-state'] });
});

describe('one stream a browser', () => {
  it('carries every tab and every page, and outlives the tab that began it', async () => {
    await expect.poll(streams).toBe(0);
    const { page: first, context, leave } = await visit('/');
    await live(first);
    const second = await context.newPage();
    await second.goto(new URL('/', base).href);
    await live(second);
    for (const name of ['Queues', 'Workers', 'Settings', 'Now']) {
      // oxlint-disable-next-line no-await-in-loop -- one page after the other is the point
      await second.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name }).click();
      // oxlint-disable-next-line no-await-in-loop
      await live(second);
    }
    await expect.poll(streams).toBe(1);
    await first.close();
    await moves(second);
    expect(await streams()).toBe(1);
    await leave();
    await expect.poll(streams).toBe(0);
  });

  it('is begun again within 2 s when its worker is killed, with no hole in the charts', async () => {
    const { page, context, leave } = await visit('/');
    await live(page);
    const other = await context.newPage();
    await other.goto(new URL('/', base).href);
    await live(other);
    await Promise.all([watchStates(page), watchStates(other)]);
    const browser = await context.browser()?.newBrowserCDPSession();
    if (!browser) throw new Error('this browser cannot be spoken to');
    const { targetInfos } = await browser.send('Target.getTargets');
    const workers = targetInfos.filter(({ type }) => type === 'shared_worker');
    expect(workers).toHaveLength(1);
    await browser.send('Target.closeTarget', { targetId: workers[0]?.targetId ?? '' });
    await Promise.all([moves(page), moves(other)]);
    await Promise.all([live(page), live(other)]);
    await expect.poll(streams).toBe(1);
    const { targetInfos: after } = await browser.send('Target.getTargets');
    expect(after.filter(({ type }) => type === 'shared_worker').map(({ targetId }) => targetId)).not.toContain(workers[0]?.targetId);
    // "lost" is said after a second without a stream: it never came to that.
    for (const each of [page, other]) expect(await each.evaluate('[...window.states]')).not.toContain('lost'); // oxlint-disable-line no-await-in-loop
    await leave();
  });

  it('is one a tab where the browser shares no workers', async () => {
    const { page, context, leave } = await visit('/api/docs');
    await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'SharedWorker'));
    await page.goto(new URL('/', base).href);
    await live(page);
    const second = await context.newPage();
    await second.goto(new URL('/', base).href);
    await live(second);
    await moves(second);
    await expect.poll(streams).toBe(2);
    await leave();
  });
});
