import { beforeAll, describe, expect, it } from 'vitest';
import { activateLocale } from '../i18n/index.ts';
import { axisLabels, filledSpan } from './histogram.tsx';
import { roundMoments } from './time-axis.tsx';

beforeAll(() => activateLocale('en'));

const half = (text: string) => (text.length * 5.8) / 2;

describe('an axis of durations', () => {
  const bounds = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
  it('has no words over one another, and none beyond the end', () => {
    for (const width of [240, 330, 420, 700]) {
      const labels = axisLabels(bounds, (width - 34) / bounds.length, width);
      expect(labels.length).toBeGreaterThan(1);
      labels.forEach(({ x, text }, i) => {
        expect(x + half(text)).toBeLessThanOrEqual(width + 1e-6);
        const before = labels[i - 1];
        if (before) expect(x - half(text)).toBeGreaterThan(before.x + half(before.text));
      });
    }
  });
  it('shows what is filled, and a little beside it', () => {
    expect(filledSpan([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])).toEqual([0, 8]);
    expect(filledSpan([0, 0])).toEqual([0, 1]);
  });
});

describe('an axis of time', () => {
  it('has round moments within the stretch, some and not many', () => {
    for (const seconds of [300, 900, 3_600, 86_400, 30 * 86_400]) {
      const from = 1_800_000_123;
      const moments = roundMoments({ from, to: from + seconds });
      expect(moments.length).toBeGreaterThan(1);
      expect(moments.length).toBeLessThanOrEqual(7);
      for (const { at } of moments) {
        expect(at).toBeGreaterThanOrEqual(from);
        expect(at).toBeLessThanOrEqual(from + seconds);
        expect(new Date(at * 1_000).getSeconds()).toBe(0);
      }
    }
  });
});
