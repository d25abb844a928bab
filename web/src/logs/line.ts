import { LEVELS, type Level, type LogEntry } from '../api/logs.ts';

/** Where a line comes from; the same object for all lines of one origin. */
interface Origin {
  type: string | null;
  source: string | null;
  instance: string | null;
  queue: string | null;
}

/** A line as the page keeps it: a hundred thousand of them have to fit. */
export interface Line {
  /** Milliseconds since 1970, to sort by. */
  at: number;
  /** As the server said it, which may be finer. */
  time: string;
  level: Level;
  origin: Origin;
  job: string | null;
  trace: string | null;
  message: string;
  /** JSON text; null for none. */
  fields: string | null;
}

/** Gives lines that share an origin one object for it. */
export class Origins {
  #known = new Map<string, Origin>();

  of(entry: LogEntry): Origin {
    const key = JSON.stringify([entry.type, entry.source, entry.instance, entry.queue]);
    const known = this.#known.get(key);
    if (known) return known;
    const made: Origin = { type: entry.type || null, source: entry.source || null, instance: entry.instance || null, queue: entry.queue || null };
    this.#known.set(key, made);
    return made;
  }

  clear(): void {
    this.#known.clear();
  }
}

export function lineOf(entry: LogEntry, origins: Origins): Line {
  const fields = entry.fields && Object.keys(entry.fields).length > 0 ? JSON.stringify(entry.fields) : null;
  return {
    at: Date.parse(entry.time), time: entry.time, level: LEVELS.find((level) => level === entry.level) ?? 'unknown', origin: origins.of(entry),
    job: entry.job || null, trace: entry.trace || null, message: entry.message, fields,
  };
}

/** The same as it came, for NDJSON. */
export const entryOf = ({ time, level, origin, job, trace, message, fields }: Line): LogEntry => ({
  time, level, ...origin, job, trace, message, fields: fields === null ? {} : (JSON.parse(fields) as Record<string, unknown>),
});

export const ndjson = (lines: readonly Line[]): string => lines.map((line) => `${JSON.stringify(entryOf(line))}\n`).join('');

/** What tells one line from another, as far as that goes: two that say the same at the same moment are alike. */
export const identity = (line: Line): string =>
  [line.time, line.level, line.origin.source ?? '', line.origin.instance ?? '', line.job ?? '', line.message, line.fields ?? ''].join('\u0000');

/** A short name of a line for the address. */
export function lineId(line: Line): string {
  let hash = 0x811c9dc5;
  for (const letter of identity(line)) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return `${line.at.toString(36)}-${hash.toString(36)}`;
}
