import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Context } from './context.ts';

const CONTEXT: Context = { kind: 'value', from: 0, to: 0, prefix: '', label: 'state', selector: '' };
const answer = (values: string[]) => Response.json({ data: values });
const texts = async (candidates: (context: Context) => Promise<{ text: string }[]>) => (await candidates(CONTEXT)).map(({ text }) => text);

describe('what is proposed', () => {
  const asked = vi.fn<typeof fetch>();
  let candidates: (context: Context) => Promise<{ text: string }[]>;
  beforeEach(async () => {
    vi.stubGlobal('fetch', asked.mockReset());
    vi.resetModules();
    ({ candidates } = await import('./names.ts'));
  });
  afterEach(() => vi.unstubAllGlobals());

  it('is asked once while one types', async () => {
    asked.mockImplementation(async () => answer(['waiting']));
    expect(await texts(candidates)).toEqual(['waiting']);
    expect(await texts(candidates)).toEqual(['waiting']);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is asked anew when there was nothing yet', async () => {
    asked.mockImplementationOnce(async () => answer([])).mockImplementation(async () => answer(['waiting']));
    expect(await texts(candidates)).toEqual([]);
    expect(await texts(candidates)).toEqual(['waiting']);
  });

  it('is asked anew after a failure', async () => {
    asked.mockImplementationOnce(async () => new Response('{}', { status: 503 })).mockImplementation(async () => answer(['waiting']));
    await expect(candidates(CONTEXT)).rejects.toThrow('503');
    expect(await texts(candidates)).toEqual(['waiting']);
  });

  it('gives no question for ever to be answered', async () => {
    asked.mockImplementation(async () => answer([]));
    await texts(candidates);
    expect(asked.mock.calls[0]?.[1]?.signal).toBeInstanceOf(AbortSignal);
  });
});
