// Debian's Chromium through the web's playwright-core: a fresh profile each time, and nothing but this machine.
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../web/package.json', import.meta.url))('playwright-core');

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let shared;

/** A new page with an empty cache, and its DevTools session. `init` runs in the page before its own scripts. */
export async function open(init) {
  shared ??= await chromium.launch({ executablePath: process.env.VIGIE_CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  const context = await shared.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  // A page that asks the internet for a font would wait for it here.
  await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  const page = await context.newPage();
  if (init) await page.addInitScript(init);
  const devtools = await context.newCDPSession(page);
  return { page, devtools, leave: () => context.close() };
}

export const quit = () => shared?.close();
