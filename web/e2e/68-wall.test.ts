import { describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { live, visit } from './browser.ts';

describe('wall mode', () => {
  it('is large, without surroundings, goes from page to page, and is left by Escape', async () => {
    const { page, leave } = await visit('/?wall=3&range=1h', { viewport: { width: 1920, height: 1080 } });
    await page.locator('.wall-corner .live').waitFor();
    expect(await page.locator('header.top, nav.phone-nav, .toolbar .field').filter({ visible: true }).count()).toBe(0);
    await page.locator('.verdict h1').waitFor();
    expect(await page.locator('main').evaluate((main) => Number(getComputedStyle(main).zoom))).toBeGreaterThan(1.2);
    // What is below the edge comes before the next page.
    await expect.poll(() => page.evaluate(() => window.scrollY), { timeout: 15_000 }).toBeGreaterThan(100);
    expect(new URL(page.url()).pathname).toBe('/');
    const seen = new Set<string>();
    await expect.poll(() => seen.add(new URL(page.url()).pathname).has('/workers'), { timeout: 60_000, interval: 500 }).toBe(true);
    expect(seen).toContain('/queues');
    const { searchParams } = new URL(page.url());
    expect([searchParams.get('wall'), searchParams.get('range')]).toEqual(['3', '1h']);
    await page.keyboard.press('Escape');
    await page.locator('header.top').waitFor();
    expect(new URL(page.url()).searchParams.has('wall')).toBe(false);
    await leave();
  });

  it('has nothing that axe finds', async () => {
    const { page, leave } = await visit('/queues?wall=600');
    await live(page);
    await page.locator('table.queues [data-row]').first().waitFor();
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});
