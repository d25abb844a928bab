import { describe, expect, it } from 'vitest';
import { findings } from './axe.ts';
import { anyQueue, LANDMARK, live, PAGES, QUEUE_LANDMARK, visit } from './browser.ts';

describe.each(['light', 'dark'] as const)('axe, %s', (colorScheme) => {
  it.each(PAGES)('finds nothing on %s', async (path) => {
    const { page, leave } = await visit(path, { colorScheme });
    await live(page);
    await page.locator(LANDMARK[path] ?? 'main').first().waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe(colorScheme);
    expect(await findings(page)).toEqual([]);
    await leave();
  });

  it('finds nothing on a queue, in the palette, in the list of keys', async () => {
    const { page, leave } = await visit('/', { colorScheme });
    await page.goto(new URL(await anyQueue(page), page.url()).href);
    await live(page);
    await page.locator(QUEUE_LANDMARK).first().waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Control+k');
    await page.locator('.palette-list [role=option]').nth(5).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press('Escape');
    // A key that comes before the palette has closed is typed into it.
    await page.locator('.palette-list').waitFor({ state: 'detached' });
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});

describe.each(['light', 'dark'] as const)('axe, phone, %s', (colorScheme) => {
  it.each([...PAGES, 'queue'])('finds nothing on %s', async (path) => {
    const { page, leave } = await visit(path === 'queue' ? '/' : path, { colorScheme, viewport: { width: 390, height: 844 } });
    if (path === 'queue') await page.goto(new URL(await anyQueue(page), page.url()).href);
    await live(page);
    await page.locator(path === 'queue' ? QUEUE_LANDMARK : (LANDMARK[path] ?? 'main')).first().waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe(colorScheme);
    expect(await findings(page)).toEqual([]);
    await leave();
  });
});
