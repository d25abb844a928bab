import { describe, expect, it } from 'vitest';
import { live, visit } from './browser.ts';

describe('language and clock', () => {
  it('follow a French browser', async () => {
    const { page, leave } = await visit('/', { locale: 'fr-FR' });
    await live(page);
    expect(await page.locator('html').getAttribute('lang')).toBe('fr');
    await page.getByRole('link', { name: 'Files', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Files' }).waitFor();
    const text = await page.locator('body').textContent();
    for (const english of ['Waiting', 'Queues', 'does not drain', 'Workers busy', 'Errors']) expect(text).not.toContain(english);
    // What the server says of a source is said in French, too.
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Réglages' }).click();
    await page.locator('.checks .check').first().waitFor();
    // Its words come when the first of them is needed.
    const checks = async () => (await page.locator('.checks').allTextContents()).join('\n');
    await expect.poll(checks).not.toMatch(/\d queues?\b|allowed|are read|may be read|answer\b|no such path|are asked|instances are/);
    await leave();
  });

  it('can be set, and stay set', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByRole('button', { name: 'Français' }).click();
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Maintenant' }).waitFor();
    await page.reload();
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('link', { name: 'Maintenant' }).waitFor();
    await leave();
  });

  it('UTC is in the address, so that a link shows the same times', async () => {
    const { page, leave } = await visit('/settings/sources', { timezoneId: 'Pacific/Auckland' });
    await live(page);
    const since = page.locator('.fact').nth(1).locator('dd');
    const local = await since.textContent();
    await page.getByRole('button', { name: 'Display' }).click();
    await page.getByRole('button', { name: 'UTC' }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get('tz')).toBe('utc');
    await expect.poll(() => since.textContent()).not.toBe(local);
    await leave();
  });
});
