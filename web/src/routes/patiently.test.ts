import { afterEach, describe, expect, it, vi } from 'vitest';
import { patiently } from './patiently.ts';

const gone = () => Promise.reject(new TypeError('Failed to fetch dynamically imported module'));

describe('a part of the screen', () => {
  afterEach(() => { vi.unstubAllGlobals(); vi.useRealTimers(); });

  it.each([['nobody', gone], ['only a proxy', () => Promise.resolve(new Response('', { status: 502 }))]])('is fetched again for as long as %s answers', async (_who, away) => {
    vi.useFakeTimers();
    let isBack = false;
    vi.stubGlobal('fetch', () => (isBack ? Promise.resolve(new Response('ok')) : away()));
    const load = vi.fn(() => (isBack ? Promise.resolve('page') : gone()));
    const page = patiently(load);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(load).toHaveBeenCalledTimes(3);
    isBack = true;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await page).toBe('page');
  });

  it('that a server which answers does not have is a failure', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('ok')));
    const load = vi.fn(gone);
    await expect(patiently(load)).rejects.toThrow('dynamically imported');
    expect(load).toHaveBeenCalledTimes(2);
  });
});
