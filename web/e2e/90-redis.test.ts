import { describe, expect, it } from 'vitest';
import { live, shell, visit } from './browser.ts';

/** Runs last: it takes the Redis away. */
describe('when the Redis dies', () => {
  it('the screen says so within 2 s, with age and reason, and recovers by itself', async () => {
    const { page, leave } = await visit('/');
    await live(page);
    await page.evaluate(() => {
      const seen = { stale: 0, reason: 0 };
      Object.assign(window, { seen });
      const look = () => {
        if (!seen.stale && document.querySelector('.live[data-state=stale]')) seen.stale = Date.now();
        const text = document.querySelector('.stale')?.textContent ?? '';
        if (!seen.reason && /does not answer: \S/.test(text)) seen.reason = Date.now();
        requestAnimationFrame(look);
      };
      look();
    });
    shell('VIGIE_E2E_STOP_REDIS');
    const stopped = Date.now();
    await page.locator('.live[data-state=stale]').waitFor({ timeout: 10_000 });
    await expect.poll(() => page.evaluate('window.seen.reason'), { timeout: 10_000 }).toBeGreaterThan(0);
    const seen = await page.evaluate<{ stale: number; reason: number }>('window.seen');
    expect(seen.stale - stopped).toBeLessThanOrEqual(2_000);
    expect(seen.reason - stopped).toBeLessThanOrEqual(2_000);
    await expect.poll(() => page.locator('.live .tail').textContent(), { timeout: 10_000 }).toMatch(/^([3-9]\.\d|\d\d+) s$/);
    await expect.poll(() => page.locator('[role=status][data-code]').getAttribute('data-code'), { timeout: 10_000 }).toBe('source_down');
    shell('VIGIE_E2E_START_REDIS');
    await page.locator('.live[data-state=fresh]').waitFor({ timeout: 30_000 });
    await expect.poll(() => page.locator('.stale').count(), { timeout: 10_000 }).toBe(0);
    await expect.poll(() => page.locator('[role=status][data-code]').getAttribute('data-code'), { timeout: 10_000 }).not.toBe('source_down');
    await leave();
  });
});
