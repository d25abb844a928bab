import { mergePatch } from './merge.ts';

type Listener = () => void;
export type MessageListener = (topic: string, document: unknown, kind: 'snapshot' | 'patch') => void;

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

  /** A patch without a document it could apply to is dropped: the snapshot has yet to come. */
  patch(topic: string, patch: unknown): void {
    if (!this.#current.has(topic)) return;
    this.#put(topic, mergePatch(this.#current.get(topic), patch), 'patch');
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

  #put(topic: string, document: unknown, kind: 'snapshot' | 'patch'): void {
    const isNew = !this.#current.has(topic);
    this.#current.set(topic, document);
    if (this.#pausedAt !== null && isNew && !this.#shown.has(topic)) this.#shown.set(topic, document);
    for (const listener of this.#messageListeners) listener(topic, document, kind);
    if (this.#pausedAt === null || isNew) this.#tell(topic);
  }

  #tell(topic: string): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }
}
