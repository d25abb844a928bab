import { identity, type Line } from './line.ts';

/** As many lines as a page keeps. */
export const MOST_LINES = 100_000;
/** What is dropped at once when there are more, so that it does not happen with each line. */
const SLACK = 2_000;

/** The lines that were loaded, oldest first. Lines may come late and twice; each is kept once, in its place. */
export class LineBuffer {
  lines: Line[] = [];
  /** How many were let go because there were too many. */
  dropped = 0;
  readonly #most: number;

  constructor(most = MOST_LINES) {
    this.#most = most;
  }

  /**
   * Takes an answer about the end of the buffer, newest first: what is not here yet is added. Alike lines are told
   * apart by how many there are: when the answer has three and the buffer two, one is new. Says how many were new.
   */
  append(newest: readonly Line[]): number {
    const oldest = newest.at(-1);
    if (!oldest) return 0;
    const have = new Map<string, number>();
    for (let i = this.lines.length - 1; i >= 0; i -= 1) {
      const line = this.lines[i];
      if (!line || line.at < oldest.at) break;
      const key = identity(line);
      have.set(key, (have.get(key) ?? 0) + 1);
    }
    let added = 0;
    for (const line of newest.toReversed()) {
      const key = identity(line);
      const left = have.get(key) ?? 0;
      if (left > 0) {
        have.set(key, left - 1);
        continue;
      }
      this.#insert(line);
      added += 1;
    }
    this.#trim();
    return added;
  }

  /** Takes lines that came, as they are. */
  add(lines: readonly Line[]): void {
    for (const line of lines) this.#insert(line);
    this.#trim();
  }

  #trim(): void {
    if (this.lines.length > this.#most + SLACK) {
      const excess = this.lines.length - this.#most;
      this.lines.splice(0, excess);
      this.dropped += excess;
    }
  }

  /** Takes the next page of older lines, newest first; says how many fitted. */
  prepend(older: readonly Line[]): number {
    const room = Math.max(0, this.#most - this.lines.length);
    const taken = older.slice(0, room).toReversed();
    this.lines = [...taken, ...this.lines];
    return taken.length;
  }

  clear(): void {
    this.lines = [];
    this.dropped = 0;
  }

  #insert(line: Line): void {
    let place = this.lines.length;
    while (place > 0 && (this.lines[place - 1]?.at ?? 0) > line.at) place -= 1;
    if (place === this.lines.length) this.lines.push(line);
    else this.lines.splice(place, 0, line);
  }
}
