import { execSync } from 'node:child_process';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, afterEach, expect } from 'vitest';
import { base } from './base.ts';

export { base };

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** Console errors, uncaught exceptions, broken policies and requests to elsewhere, as they come. */
  problems: string[];
  /** Ends the visit; fails when anything was wrong on the way. */
  leave(): Promise<void>;
}

function listen(page: Page, problems: string[], tolerated: RegExp | null, origin: string): void {
  page.on('console', (message) => {
    // A sentence that came with another page is shown by its id.
    const isFault = message.type() === 'error' || /Content Security Policy|Uncompiled message/.test(message.text());
    if (!isFault) return;
    if (!tolerated?.test(message.text())) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !['blob:', 'data:'].includes(url.protocol)) problems.push(`elsewhere: ${request.url()}`);
  });
}

const opened = new Set<() => Promise<void>>();

/** One for all tests of a file: to start one takes seconds. */
let browser: Promise<Browser> | null = null;

/** A test that failed half way leaves its pages behind; nothing may outlive a test. */
afterEach(async () => {
  await Promise.all([...opened].map((close) => close()));
});
afterAll(async () => {
  await (await browser)?.close();
  browser = null;
});

/** Opens a profile of its own, which shares nothing with others and dies with the visit. `tolerate` names console errors that the test provokes. */
export async function visit(path: string, options: BrowserContextOptions & { tolerate?: RegExp; origin?: string } = {}): Promise<Visit> {
  const { tolerate, origin = base, ...settings } = options;
  browser ??= chromium.launch({ executablePath: process.env['VIGIE_CHROMIUM'] ?? '/usr/bin/chromium', args: ARGS });
  const context = await (await browser).newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', colorScheme: 'light', ...settings });
  const page = await context.newPage();
  const problems: string[] = [];
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      // oxlint-disable-next-line no-console -- the way out of the page under test
      console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
  listen(page, problems, tolerate ?? null, origin);
  const close = async () => {
    opened.delete(close);
    await context.close();
  };
  opened.add(close);
  await page.goto(new URL(path, origin).href);
  const leave = async () => {
    await close();
    expect(problems).toEqual([]);
  };
  return { page, context, problems, leave };
}

/** Waits until the stream has brought the first verdict and the data is fresh. */
export async function live(page: Page): Promise<void> {
  await page.locator('[role=status][data-code]').waitFor({ state: 'attached' });
  await page.locator('.live[data-state=fresh]').waitFor();
}

/** The path of some queue that is there, worst first. */
export async function anyQueue(page: Page): Promise<string> {
  const { pathname, search } = new URL(page.url());
  await page.goto(new URL('/queues', base).href);
  const link = page.locator('table.queues a[data-row]').first();
  const href = (await link.getAttribute('href')) ?? '';
  await page.goto(new URL(pathname + search, base).href);
  return href;
}

export const PAGES = ['/', '/queues', '/queues?group=source', '/workers', '/settings/sources', '/api/docs'] as const;

/** What shows that a page has its data. */
export const LANDMARK: Record<string, string> = {
  '/': '.kpi strong:not(:has(.skeleton))',
  '/queues': 'table.queues a[data-row]',
  '/queues?group=source': 'tr.group',
  '/workers': 'table.workers [data-row]',
  '/settings/sources': '.checks .check',
  '/api/docs': '.operation code',
};
/** A queue's page has its figures; types it may have none yet. */
export const QUEUE_LANDMARK = '.grid:has(table.types) .strip .kpi strong:not(:has(.skeleton))';

export function shell(name: 'VIGIE_E2E_STOP_REDIS' | 'VIGIE_E2E_START_REDIS'): void {
  const command = process.env[name];
  if (!command) throw new Error(`${name} has to say how; cargo xtask e2e sets it`);
  execSync(command, { stdio: 'inherit', shell: '/bin/sh' });
}
