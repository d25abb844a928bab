import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { live, QUEUE_LANDMARK, visit } from './browser.ts';

const at = (page: Page) => expect.poll(() => new URL(page.url()).pathname);
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '');

describe('without a mouse', () => {
  it('one goes to every page by two keys', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    for (const [key, path] of [['q', '/queues'], ['w', '/workers'], ['i', '/instances'], ['l', '/logs'], ['v', '/events'], ['e', '/explore'], ['s', '/settings/sources'], ['n', '/']] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await page.keyboard.press('g');
      // oxlint-disable-next-line no-await-in-loop
      await page.keyboard.press(key);
      // oxlint-disable-next-line no-await-in-loop
      await at(page).toBe(path);
    }
    await leave();
  });

  it('one walks the table and opens a queue', async () => {
    const { page, leave } = await visit('/queues');
    await live(page);
    await page.locator('table.queues a[data-row]').nth(1).waitFor();
    await page.keyboard.press('j');
    const first = await focused(page);
    await page.keyboard.press('j');
    expect(await focused(page)).not.toBe(first);
    await page.keyboard.press('k');
    const again = await focused(page);
    expect(again).not.toBe('');
    await page.keyboard.press('Enter');
    await page.locator(QUEUE_LANDMARK).first().waitFor();
    expect(await page.locator('.crumbs h1').textContent()).toBe(again);
    await leave();
  });

  it('one filters, and leaves the field with Escape or Tab', async () => {
    const { page, leave } = await visit('/queues');
    await live(page);
    const name = (await page.locator('table.queues a[data-row]').first().textContent()) ?? '';
    await page.keyboard.press('/');
    await page.keyboard.type(name);
    await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe(name);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe('INPUT');
    await leave();
  });

});

describe('by keys alone', () => {
  it('the palette goes anywhere and gives the focus back', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.keyboard.press('Control+k');
    await page.locator('.palette-list [role=option]').nth(4).waitFor();
    await page.keyboard.type('work');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await at(page).toBe('/workers');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('dark');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('html').getAttribute('data-theme')).toBe('dark');
    await page.reload();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    await leave();
  });

  it('the keys are listed, the screen is frozen and let go', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
    await page.keyboard.press('p');
    await page.locator('.live[data-state=paused]').waitFor();
    await page.keyboard.press('Space');
    await page.locator('.live[data-state=fresh]').waitFor();
    await leave();
  });

  it('the first stop leads past the header to the page', async () => {
    const { page, leave } = await visit('/queues');
    await live(page);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the page');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('page');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('header.top') === null && document.activeElement !== document.body)).toBe(true);
    await leave();
  });

  it('a menu is opened, and Escape closes it and gives the focus back', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    const menu = page.getByRole('button', { name: 'Display', exact: true });
    await menu.focus();
    await page.keyboard.press('Enter');
    await page.locator('.menu:popover-open').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('.menu:popover-open') !== null)).toBe(true);
    await page.keyboard.press('Escape');
    await expect.poll(() => page.locator('.menu:popover-open').count()).toBe(0);
    await expect.poll(() => menu.evaluate((button) => button === document.activeElement)).toBe(true);
    await leave();
  });

});

/** What has the focus: framed as it should be, or its markup; "end" behind the last stop. */
const framed = (page: Page) => page.evaluate(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return 'end';
  // The editor of Explore is framed by what it stands in.
  const isFramed = [element, element.closest('.promql')].some((each) => {
    const style = each && getComputedStyle(each);
    return style !== null && style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1;
  });
  return isFramed ? 'seen' : element.outerHTML.slice(0, 160);
});

describe('the stops of the Tab key', () => {
  it('are seen, each of them, on every page', async () => {
    const { page, leave } = await visit('/');
    for (const path of ['/', '/queues', '/workers', '/instances', '/logs', '/events', '/explore', '/settings/sources']) {
      // oxlint-disable no-await-in-loop -- one press after the other
      if (path !== '/') await page.goto(new URL(path, page.url()).href);
      await live(page);
      // Behind the header, which is the same everywhere.
      if (path !== '/') await page.locator('#page').focus();
      for (let i = 0; i < (path === '/' ? 25 : 12); i += 1) {
        await page.keyboard.press('Tab');
        const outline = await framed(page);
        if (outline === 'end' && i > 3) break;
        expect(outline, path).toBe('seen');
      }
      // oxlint-enable no-await-in-loop
    }
    await leave();
  });
});
