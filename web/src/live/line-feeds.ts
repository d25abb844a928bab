import type { LogEntry } from '../api/logs.ts';

/** The data of `event: lines`. */
export interface LinesMessage {
  topic: string;
  lines: LogEntry[];
  /** Lines before these that came faster than they are sent. */
  skipped: number;
  /** Why there will be none. */
  error?: string;
}

export interface LineListener {
  /** Lines are followed from here on; also after a break, in which some may have been missed. */
  begun(): void;
  /** In the order in which they came. */
  lines(lines: readonly LogEntry[], skipped: number): void;
  /** Nothing comes any more, or not for now. */
  ended(): void;
}

/** Who follows log lines over the stream, by topic. */
export class LineFeeds {
  #listeners = new Map<string, Set<LineListener>>();
  #begun = new Set<string>();

  watch(topic: string, listener: LineListener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(listener));
    if (this.#begun.has(topic)) queueMicrotask(() => set.has(listener) && listener.begun());
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(topic) === set) this.#listeners.delete(topic);
    };
  }

  /** A first message, which has no lines, says that lines come, or why not. */
  hear({ topic, lines, skipped, error }: LinesMessage): void {
    if (error === undefined) this.#begun.add(topic);
    else this.#begun.delete(topic);
    for (const listener of this.#listeners.get(topic) ?? []) {
      if (error !== undefined) listener.ended();
      else if (lines.length === 0) listener.begun();
      else listener.lines(lines, skipped);
    }
  }

  /** The stream is broken or asleep; each topic begins anew. */
  broken(): void {
    this.#begun.clear();
    for (const set of this.#listeners.values()) for (const listener of set) listener.ended();
  }

  dropped(topic: string): void {
    this.#begun.delete(topic);
  }
}

export const isLines = (topic: string): boolean => topic === 'logs' || topic.startsWith('logs:');

/** The topic of the lines that a filter wants. */
export function linesTopic(filter: Record<string, string | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value) search.set(name, value);
  return `logs:${search}`;
}
