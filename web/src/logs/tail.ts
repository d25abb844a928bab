import { fetchLogs, type LogAnswer, type LogEntry, type LogFilter, type LogSpan } from '../api/logs.ts';
import type { FeedState } from '../live/history.ts';
import { followLines, store } from '../live/session.ts';
import { type Job, Refetch } from '../live/refetch.ts';
import { LineBuffer } from './buffer.ts';
import { identity, lineOf, Origins, type Line } from './line.ts';

type Fetch = typeof fetchLogs;
type Follow = typeof followLines;

const PAGE = 1_000;
const EVERY_MS = 1_000;
/** Writers' clocks differ and lines travel: so far back is asked again each time. */
const OVERLAP_SECONDS = 5;
/** A line of an answer that the stream tells as well comes within this time. */
const OWED_MS = 3_000;
/** More news in a second than so many pages is not read line by line. */
const MOST_PAGES = 10;
/** Lines that come faster are put on the screen together: each time costs a layout and a paint of all rows in sight. */
const TOGETHER_MS = 250;
/** After so many at once, which nobody reads one by one, the next ones wait twice as long. */
const MANY = 20;

/** What the page of logs looks for. */
export interface Search {
  filter: LogFilter;
  span: LogSpan;
  /** Goes on with what comes. */
  live: boolean;
}

/** The lines of a search: the newest page first, older ones on demand, new ones as they come. */
export class LogTail {
  readonly buffer = new LineBuffer();
  state: FeedState = 'loading';
  /** Why there is nothing, or nothing newer. */
  error: string | null = null;
  hasOlder = false;
  isLoadingOlder = false;
  /** Lines that came faster than they could be read: there is a hole in what is shown. */
  skipped = false;
  /** How many of them, as far as the server counted them. */
  skippedLines = 0;
  /** Parts of the server's store that could not be read. */
  unreadable = 0;
  version = 0;
  #search: Search | null = null;
  #origins = new Origins();
  #older: string | null = null;
  #fetching = new Refetch();
  #olderAbort: AbortController | null = null;
  #listeners = new Set<() => void>();
  readonly #fetch: Fetch;
  readonly #follow: Follow;
  /** Ends what follows the stream. */
  #letGo: (() => void) | null = null;
  /** Lines come over the stream: nothing need be asked for. */
  #isFollowing = false;
  /** Something may have been missed that the stream does not tell. */
  #isBehind = false;
  /** Lines of the last answer that may come over the stream as well, and until when. */
  #owed = new Map<string, number>();
  #owedUntil = 0;
  /** Lines that came and are not in the buffer yet, until the timer puts them there. */
  #arrived: Line[] = [];
  #landing: ReturnType<typeof setTimeout> | null = null;
  /** From when on lines may be put into the buffer again, by the monotonic clock. */
  #landsFrom = 0;

  constructor(fetch: Fetch = fetchLogs, follow: Follow = followLines) {
    this.#fetch = fetch;
    this.#follow = follow;
  }

  watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = (): number => this.version;

  /** Another search: everything anew. */
  look(search: Search): void {
    this.#search = search;
    this.reload();
  }

  reload = (): void => {
    const search = this.#search;
    if (!search) return;
    this.stop();
    this.buffer.clear();
    this.#origins.clear();
    this.state = 'loading';
    this.error = null;
    this.hasOlder = false;
    this.#older = null;
    this.skipped = false;
    this.skippedLines = 0;
    this.#owed.clear();
    this.#tell();
    let isFirst = true;
    const job: Job<LogAnswer> = {
      ask: (signal) => (isFirst ? this.#fetch(search.filter, search.span, { limit: PAGE }, signal) : this.#news(search, signal)),
      done: (answer) => {
        if (isFirst) {
          this.#older = answer.next ?? null;
          this.hasOlder = this.#older !== null;
        }
        isFirst = false;
        // The answer may hold what came by the stream: it is told apart by what is in the buffer.
        this.#land();
        this.#owe(answer);
        this.unreadable = answer.unreadable ?? 0;
        const added = this.buffer.append(this.#lines(answer));
        const changed = added > 0 || this.state !== 'ready' || this.error !== null;
        this.state = 'ready';
        this.error = null;
        if (changed) this.#tell();
      },
      failed: (reason) => {
        this.state = isFirst ? 'failed' : 'ready';
        this.error = reason;
        this.#tell();
      },
      again: () => {
        if (!search.live) return null;
        if (!this.#isBehind) return this.#isFollowing ? null : EVERY_MS;
        this.#isBehind = false;
        return 0;
      },
    };
    this.#fetching.run(job);
    if (search.live) this.#listen(search, () => (isFirst ? (this.#isBehind = true) : this.#fetching.run(job)));
  };

  /** Takes what comes over the stream; `ask` asks for what it may not tell. Without a stream the asking goes on by itself. */
  #listen(search: Search, ask: () => void): void {
    const letGo = this.#follow(search.filter, {
      begun: () => {
        this.#isFollowing = true;
        ask();
      },
      lines: (entries, skipped) => this.#came(entries, skipped),
      ended: () => {
        if (!this.#isFollowing) return;
        this.#isFollowing = false;
        ask();
      },
    });
    const unwatch = store.watchPause(() => {
      this.#land();
      if (store.pausedAt === null && this.#isFollowing) ask();
    });
    this.#letGo = () => {
      letGo();
      unwatch();
    };
  }

  #came(entries: readonly LogEntry[], skipped: number): void {
    // What comes while the screen is frozen is asked for when it goes on.
    if (store.pausedAt !== null) return;
    const isOwed = Date.now() < this.#owedUntil;
    const lines = entries.map((entry) => lineOf(entry, this.#origins)).filter((line) => {
      const key = identity(line);
      const left = isOwed ? (this.#owed.get(key) ?? 0) : 0;
      if (left > 0) this.#owed.set(key, left - 1);
      return left === 0;
    });
    this.#arrived.push(...lines);
    if (skipped > 0) {
      this.skipped = true;
      this.skippedLines += skipped;
    }
    this.#landing ??= setTimeout(this.#land, Math.max(0, this.#landsFrom - performance.now()));
  }

  /** Puts what came where it is seen, now. */
  #land = (): void => {
    if (this.#landing === null) return;
    clearTimeout(this.#landing);
    this.#landing = null;
    this.#landsFrom = performance.now() + (this.#arrived.length > MANY ? 2 * TOGETHER_MS : TOGETHER_MS);
    this.buffer.add(this.#arrived);
    this.#arrived = [];
    this.#tell();
  };

  #owe(answer: LogAnswer): void {
    this.#owed.clear();
    this.#owedUntil = Date.now() + OWED_MS;
    for (const line of this.#lines(answer)) {
      const key = identity(line);
      this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
    }
  }

  /** The page before the oldest line. Says how many lines were put above. */
  older = async (): Promise<number> => {
    const search = this.#search;
    if (!search || this.#older === null || this.isLoadingOlder) return 0;
    this.isLoadingOlder = true;
    this.#tell();
    const abort = new AbortController();
    this.#olderAbort = abort;
    let added = 0;
    try {
      const answer = await this.#fetch(search.filter, search.span, { limit: PAGE, cursor: this.#older }, abort.signal);
      if (abort.signal.aborted) return 0;
      this.#older = answer.next ?? null;
      const lines = this.#lines(answer);
      added = this.buffer.prepend(lines);
      this.hasOlder = this.#older !== null && added === lines.length;
    } catch (error) {
      if (!abort.signal.aborted) this.error = error instanceof Error ? error.message : String(error);
    }
    if (!abort.signal.aborted) {
      this.isLoadingOlder = false;
      this.#tell();
    }
    return added;
  };

  stop = (): void => {
    this.#letGo?.();
    this.#letGo = null;
    this.#isFollowing = false;
    this.#isBehind = false;
    this.#fetching.stop();
    if (this.#landing !== null) clearTimeout(this.#landing);
    this.#landing = null;
    this.#arrived = [];
    this.#olderAbort?.abort();
    this.isLoadingOlder = false;
  };

  /** Everything since a little before the newest line, newest first. */
  async #news(search: Search, signal: AbortSignal): Promise<LogAnswer> {
    const newest = this.buffer.lines.at(-1);
    const from = newest ? newest.at / 1_000 - OVERLAP_SECONDS : search.span.from;
    const all: LogAnswer = { entries: [] };
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      // oxlint-disable-next-line no-await-in-loop -- the next page is named by the one before
      const answer = await this.#fetch(search.filter, { from: Math.max(from ?? 0, search.span.from ?? 0), to: undefined }, { limit: PAGE, cursor }, signal);
      all.entries.push(...answer.entries);
      all.unreadable = answer.unreadable;
      cursor = answer.next ?? undefined;
      if (cursor === undefined) return all;
    }
    this.skipped = true;
    return all;
  }

  #lines(answer: LogAnswer): Line[] {
    return answer.entries.map((entry) => lineOf(entry, this.#origins));
  }

  #tell(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }
}
