import { describe, expect, it } from 'vitest';
import { appendPoint, copyTrack, emptyTrack, pastAt, trackOf } from './track.ts';

const at = (second: number) => new Date(1_800_000_000_000 + second * 1_000).toISOString();

describe('track', () => {
  it('lays a history out in time, and keeps its gaps', () => {
    const track = trackOf({ at: at(3), start: at(0), step_seconds: 1, columns: { waiting: [1, null, 3], busy: [1] } });
    expect(track.times).toEqual([1_800_000_000, 1_800_000_001, 1_800_000_002]);
    expect(track.waiting).toEqual([1, null, 3]);
    expect(track.busy).toEqual([1, null, null]);
    expect(track.in_rate).toEqual([null, null, null]);
  });
  it('takes newer points only', () => {
    const track = emptyTrack();
    expect(appendPoint(track, { t: at(0), waiting: 1 })).toBe('added');
    expect(appendPoint(track, { t: at(0), waiting: 9 })).toBe('old');
    expect(appendPoint(track, { t: at(1), waiting: 2 })).toBe('added');
    expect(track.waiting).toEqual([1, 2]);
  });
  it('draws a hole where seconds are missing', () => {
    const track = emptyTrack();
    appendPoint(track, { t: at(0), waiting: 1 });
    expect(appendPoint(track, { t: at(30), waiting: 2 })).toBe('gap');
    expect(track.waiting).toEqual([1, null, 2]);
  });
  it('forgets what is older than the quarter of an hour', () => {
    const track = emptyTrack();
    for (let i = 0; i < 1_200; i += 1) appendPoint(track, { t: at(i), waiting: i });
    expect(track.times.length).toBeLessThan(940);
    expect(track.waiting.at(-1)).toBe(1_199);
    expect(track.times).toHaveLength(track.waiting.length);
  });
});

const past = (step: number, values: (number | null)[]) => ({ track: trackOf({ at: at(0), start: at(-86_400), step_seconds: step, columns: { waiting: values } }), shift: 86_400, step });

describe('a comparison', () => {
  const times = [0, 1, 2, 3].map((second) => 1_800_000_000 + second);
  it('lies under the same moments of today, gaps and ends included', () => {
    const then = past(1, [5, null, 7]);
    expect(pastAt(times, then, then.track.waiting)).toEqual([5, null, 7, null]);
  });
  it('of a coarser step holds until the middle between two', () => {
    const then = past(2, [5, 6]);
    expect(pastAt(times, then, then.track.waiting)).toEqual([5, 6, 6, null]);
  });
  it('is nothing when nothing came', () => expect(pastAt(times, past(1, []), [])).toEqual([null, null, null, null]));
  it('keeps a zoomed stretch from growing', () => {
    const track = emptyTrack();
    appendPoint(track, { t: at(0), waiting: 1 });
    const copy = copyTrack(track);
    appendPoint(track, { t: at(1), waiting: 2 });
    expect(copy.waiting).toEqual([1]);
  });
});
