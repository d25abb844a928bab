import { mergePatch } from './merge.ts';

type Listener = () => void;

/** Where hundreds of rows change each second nobody reads faster than this, characters a second; to draw each message would be most of the page's work. */
const READ_A_SECOND = 20_000;
const LONGEST_HOLD_MS = 1_000;
const SHORTEST_HOLD_MS = 100;
type MessageListener = (topic: string, document: unknown, kind: 'snapshot' | 'patch') => void;

/**
 * The documents of the stream, by topic. While paused, the screen reads the frozen set and the stream goes on
 * into the current one; resuming shows the current set at once.
 */
export class LiveStore {
  #current = new Map<string, unknown>();
  #shown = this.#current;
  #listeners = new Map<string, Set<Listener>>();
  #messageListeners = new Set<MessageListener>();
  #pausedAt: number | null = null;
  #pauseListeners = new Set<Listener>();
  /** The topics whose listeners are left alone for a moment, and what came for them meanwhile. */
  #quiet = new Map<string, { held: number; something: boolean }>();

  read<T>(topic: string): T | undefined {
    return this.#shown.get(topic) as T | undefined;
  }

  /** What the stream says even while the screen is frozen: the age of the data and the reason need it. */
  readCurrent<T>(topic: string): T | undefined {
    return this.#current.get(topic) as T | undefined;
  }

  watch(topic: string, listener: Listener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(listener));
    return () => set.delete(listener);
  }

  /** Hears every message, paused or not; the chart buffers live on it. */
  onMessage(listener: MessageListener): () => void {
    this.#messageListeners.add(listener);
    return () => this.#messageListeners.delete(listener);
  }

  snapshot(topic: string, document: unknown): void {
    this.#put(topic, document, 'snapshot');
  }

  /**
   * A patch without a document it could apply to is dropped: the snapshot has yet to come. After one of many characters
   * the next ones are kept at once, but shown together.
   */
  patch(topic: string, patch: unknown, characters = 0): void {
    if (!this.#current.has(topic)) return;
    this.#put(topic, mergePatch(this.#current.get(topic), patch), 'patch', characters);
  }

  forget(topic: string): void {
    if (this.#current.delete(topic) && this.#pausedAt === null) this.#tell(topic);
  }

  topics(): string[] {
    return [...this.#current.keys()];
  }

  get pausedAt(): number | null {
    return this.#pausedAt;
  }

  watchPause = (listener: Listener): (() => void) => {
    this.#pauseListeners.add(listener);
    return () => this.#pauseListeners.delete(listener);
  };

  pause(now: number): void {
    if (this.#pausedAt !== null) return;
    this.#shown = new Map(this.#current);
    this.#pausedAt = now;
    for (const listener of this.#pauseListeners) listener();
  }

  resume(): void {
    if (this.#pausedAt === null) return;
    this.#shown = this.#current;
    this.#pausedAt = null;
    for (const listener of this.#pauseListeners) listener();
    for (const topic of this.#listeners.keys()) this.#tell(topic);
  }

  #put(topic: string, document: unknown, kind: 'snapshot' | 'patch', characters = 0): void {
    const isNew = !this.#current.has(topic);
    this.#current.set(topic, document);
    if (this.#pausedAt !== null && isNew && !this.#shown.has(topic)) this.#shown.set(topic, document);
    for (const listener of this.#messageListeners) listener(topic, document, kind);
    if (this.#pausedAt !== null && !isNew) return;
    if (kind === 'snapshot') this.#tell(topic);
    else this.#tellInTime(topic, characters);
  }

  #tellInTime(topic: string, characters: number): void {
    const quiet = this.#quiet.get(topic);
    if (quiet) {
      quiet.held += characters;
      quiet.something = true;
      return;
    }
    this.#tell(topic);
    this.#hush(topic, characters);
  }

  /** Leaves the listeners alone for as long as these characters take to read; what came meanwhile is told then. */
  #hush(topic: string, characters: number): void {
    const pause = Math.min(LONGEST_HOLD_MS, (characters / READ_A_SECOND) * 1_000);
    if (pause < SHORTEST_HOLD_MS) return;
    const quiet = { held: 0, something: false };
    this.#quiet.set(topic, quiet);
    setTimeout(() => {
      this.#quiet.delete(topic);
      if (!quiet.something) return;
      this.#tell(topic);
      this.#hush(topic, quiet.held);
    }, pause);
  }

  #tell(topic: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }
}
