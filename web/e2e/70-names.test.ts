import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { live, visit } from './browser.ts';

/** Names that a page must show and must not obey. With `VIGIE_E2E_REDIS_URL` they are made known to asynq there. */
const HOSTILE = ['<script>alert(1)</script>', 'a/b/c', `quote"'s & co`, '\u202Ertl-txt\u202C', 'line\nbreak', '100% %2F sure', '..', 'q?x=1#frag', 'back\\slash'];
const SHOWN: Record<string, string> = { '\u202Ertl-txt\u202C': '‹U+202E›rtl-txt‹U+202C›', 'line\nbreak': 'line⏎break' };

/** One command, in Redis's own protocol; the answer is not read further than its first byte. */
function redis(...words: string[]): Promise<void> {
  const url = process.env['VIGIE_E2E_REDIS_URL'];
  if (!url) return Promise.resolve();
  const { hostname, port } = new URL(url);
  const payload = `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(payload));
    socket.on('error', reject);
    socket.on('data', (data) => {
      socket.end();
      if (data[0] === 45) reject(new Error(data.toString()));
      else resolve();
    });
  });
}

beforeAll(() => redis('SADD', 'asynq:queues', ...HOSTILE));
afterAll(() => redis('SREM', 'asynq:queues', ...HOSTILE));

describe('hostile names', () => {
  it('a name of 64 KB is cut, not the page', async () => {
    const name = 'N'.repeat(65_536);
    await redis('SADD', 'asynq:queues', name);
    const { page, leave } = await visit('/queues');
    await live(page);
    await page.locator('[data-filter]').fill('NNNNNNNN');
    const link = page.locator('table.queues a[data-row]').first();
    await link.waitFor({ timeout: 20_000 });
    expect((await link.textContent())?.length).toBeLessThanOrEqual(130);
    await link.click();
    await page.locator('.strip .kpi strong:not(:has(.skeleton))').first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    await redis('SREM', 'asynq:queues', name);
    await leave();
  });

  it.each(HOSTILE)('%j is text, and leads to its page', async (name) => {
    const shown = SHOWN[name] ?? name;
    const { page, leave } = await visit('/queues');
    let obeyed = 0;
    page.on('dialog', (dialog) => {
      obeyed += 1;
      void dialog.dismiss();
    });
    await live(page);
    await page.locator('[data-filter]').fill(name.replaceAll('\n', ' '));
    const link = page.locator('table.queues a[data-row]').filter({ hasText: shown }).first();
    await link.waitFor({ timeout: 20_000 });
    expect((await link.textContent())?.trim()).toBe(shown);
    await link.click();
    await expect.poll(() => page.locator('.crumbs h1').textContent()).toBe(shown);
    await page.locator('.strip .kpi strong:not(:has(.skeleton))').first().waitFor();
    await page.reload();
    await expect.poll(() => page.locator('.crumbs h1').textContent()).toBe(shown);
    await page.locator('.strip .kpi strong:not(:has(.skeleton))').first().waitFor();
    expect(obeyed).toBe(0);
    await leave();
  });
});
