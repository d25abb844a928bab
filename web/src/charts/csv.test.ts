import { describe, expect, it } from 'vitest';
import { csvOf } from './csv.ts';

describe('CSV', () => {
  const times = [1_800_000_000, 1_800_000_001, 1_800_000_002];
  const window = { from: 1_800_000_000, to: 1_800_000_001 };
  it('holds what is in the window, gaps as nothing', () => {
    expect(csvOf(times, [{ label: 'in', values: [1, null, 3] }, { label: 'in, yesterday', values: [0, 0.5, 1] }], window)).toBe(
      'time,"in","in, yesterday"\n2027-01-15T08:00:00.000Z,1,0\n2027-01-15T08:00:01.000Z,,0.5\n',
    );
  });
  it('doubles quotes, and disarms what a spreadsheet would run', () => {
    const [head] = csvOf([], [{ label: 'a "b"', values: [] }, { label: '=HYPERLINK("x")', values: [] }], window).split('\n');
    expect(head).toBe(`time,"a ""b""","'=HYPERLINK(""x"")"`);
  });
});
