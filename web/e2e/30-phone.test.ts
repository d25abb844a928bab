import { describe, expect, it } from 'vitest';
import { anyQueue, LANDMARK, live, PAGES, QUEUE_LANDMARK, visit } from './browser.ts';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

describe.each(['en-GB', 'fr-FR'])('on a phone, %s', (locale) => {
  it.each([...PAGES, 'queue'])('%s has no sideways scroll', async (path) => {
    const { page, leave } = await visit(path === 'queue' ? '/' : path, { ...PHONE, locale });
    if (path === 'queue') await page.goto(new URL(await anyQueue(page), page.url()).href);
    await live(page);
    await page.locator(path === 'queue' ? QUEUE_LANDMARK : (LANDMARK[path] ?? 'main')).first().waitFor();
    const width = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth));
    expect(width).toBeLessThanOrEqual(390);
    const outside = await page.evaluate(() => [...document.querySelectorAll('header.top *')].filter((element) => element.getBoundingClientRect().right > 391 && element.checkVisibility()).map((element) => element.outerHTML.slice(0, 120)));
    expect(outside).toEqual([]);
    await leave();
  });
});

describe('in a middling window', () => {
  it('there is room for names, and the header is whole', async () => {
    const { page, leave } = await visit('/', { viewport: { width: 1000, height: 800 }, locale: 'fr-FR' });
    // oxlint-disable no-await-in-loop -- one page after the other
    for (const path of ['/', '/queues', '/workers']) {
      if (path !== '/') await page.goto(new URL(path, page.url()).href);
      await live(page);
      await page.locator(LANDMARK[path] ?? 'main').first().waitFor();
      const cut = await page.evaluate(() => [...document.querySelectorAll('header.top .right > *, td.c-name .q')].filter((element) => {
        const { left, right, width } = element.getBoundingClientRect();
        const card = element.closest('.card')?.getBoundingClientRect();
        return element.checkVisibility() && (width < 24 || left < (card?.left ?? 0) || right > (card?.right ?? 1_000));
      }).map((element) => element.outerHTML.slice(0, 120)));
      expect(cut, path).toEqual([]);
    }
    // oxlint-enable no-await-in-loop
    await leave();
  });
});

describe('on a phone', () => {
  it('the pages are at the thumb', async () => {
    const { page, leave } = await visit('/', PHONE);
    await live(page);
    const bar = page.getByRole('navigation', { name: 'Pages, at the bottom' });
    for (const [name, path] of [['Queues', '/queues'], ['Workers', '/workers'], ['Settings', '/settings/sources'], ['Now', '/']] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one press after the other
      await bar.getByRole('link', { name }).tap();
      // oxlint-disable-next-line no-await-in-loop
      await expect.poll(() => new URL(page.url()).pathname).toBe(path);
    }
    await leave();
  });

  it('a queue is opened by a touch, and its name can be read', async () => {
    const { page, leave } = await visit('/queues', PHONE);
    await live(page);
    const link = page.locator('table.queues a[data-row]').first();
    await link.waitFor();
    expect((await link.boundingBox())?.width ?? 0).toBeGreaterThan(20);
    await link.tap();
    await page.locator(QUEUE_LANDMARK).first().waitFor();
    await leave();
  });
});
