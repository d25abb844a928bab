import { describe, expect, it } from 'vitest';
import { live, visit } from './browser.ts';

/** More than this share of the window that moves, times how far, is a jump: the verdict's bar alone would make 0.04. */
const JUMP = 0.02;

describe('a page that is opened again', () => {
  it.each([['wide', 1_440, 900], ['on a phone', 390, 844]] as const)('does not jump when its first message comes, %s', async (_, width, height) => {
    const { page, leave } = await visit('/', { viewport: { width, height } });
    await live(page);
    await page.addInitScript(() => {
      Object.assign(globalThis, { shifts: [] as { value: number; what: string[] }[] });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number; sources: { node: Element | null }[] })[]) {
          (globalThis as unknown as { shifts: unknown[] }).shifts.push({ value: entry.value, what: entry.sources.map(({ node }) => (node instanceof Element ? `${node.tagName} ${node.className}` : '')) });
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.reload();
    await live(page);
    await page.locator('.chart canvas').first().waitFor();
    await page.waitForTimeout(500);
    const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: { value: number; what: string[] }[] }).shifts);
    expect(shifts.filter(({ value }) => value > JUMP)).toEqual([]);
    await leave();
  });
});

describe('a page that is asked for while nobody answers', () => {
  it('comes when Vigie is back, and until then nothing is lost', async () => {
    const { page, context, leave } = await visit('/', { tolerate: /ERR_INTERNET_DISCONNECTED|ERR_FAILED/ });
    await live(page);
    await page.locator('.chart canvas').first().waitFor();
    await context.setOffline(true);
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Workers' }).click();
    await page.getByText('It comes as soon as Vigie answers').waitFor();
    await page.keyboard.press('?');
    expect(await page.getByRole('navigation', { name: 'Pages', exact: true }).isVisible()).toBe(true);
    await context.setOffline(false);
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('table.workers [data-row]').first().waitFor();
    await leave();
  });
});
