import { COLUMNS, type Column, type History, type Point } from '../api/contract.ts';

/** Figures over time, by column; null is a gap. Times in Unix seconds. */
export type Track = { times: number[] } & Record<Column, (number | null)[]>;
const KEEP_SECONDS = 930;

export function emptyTrack(): Track {
  const track = { times: [] as number[] } as Track;
  for (const column of COLUMNS) track[column] = [];
  return track;
}

export function trackOf(history: History): Track {
  const track = emptyTrack();
  const start = Date.parse(history.start) / 1_000;
  const length = Math.max(0, ...COLUMNS.map((column) => history.columns[column]?.length ?? 0));
  for (let i = 0; i < length; i += 1) {
    track.times.push(start + i * history.step_seconds);
    for (const column of COLUMNS) track[column].push(history.columns[column]?.[i] ?? null);
  }
  return track;
}

/** What was there a day or a week before. */
export interface Past {
  track: Track;
  /** Seconds between then and now. */
  shift: number;
  step: number;
}

/** The values of then at the times of now; null where then has none. */
export function pastAt(times: readonly number[], past: Past, values: readonly (number | null)[]): (number | null)[] {
  const start = past.track.times[0];
  if (start === undefined) return times.map(() => null);
  return times.map((time) => {
    const at = (time - past.shift - start) / past.step;
    // Half a step either way: the two grids need not meet.
    return values[Math.round(at)] ?? null;
  });
}

/** A track of its own, that nothing is added to. */
export function copyTrack(track: Track): Track {
  const copy = { times: [...track.times] } as Track;
  for (const column of COLUMNS) copy[column] = [...track[column]];
  return copy;
}

/** Adds a point that is newer than all others; says whether seconds are missing between. */
export function appendPoint(track: Track, point: Point): 'added' | 'old' | 'gap' {
  const at = Date.parse(point.t) / 1_000;
  const last = track.times.at(-1);
  if (last !== undefined && at <= last + 0.3) return 'old';
  const gap = last !== undefined && at - last > 2.2;
  if (gap) pushRow(track, last + 1, null);
  pushRow(track, at, point);
  while (track.times.length > 0 && at - (track.times[0] ?? at) > KEEP_SECONDS) {
    track.times.shift();
    for (const column of COLUMNS) track[column].shift();
  }
  return gap ? 'gap' : 'added';
}

function pushRow(track: Track, at: number, point: Point | null): void {
  track.times.push(at);
  for (const column of COLUMNS) track[column].push(point?.[column] ?? null);
}
