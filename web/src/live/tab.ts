import { canShare, joinOwn, joinShared, type HubLink } from './join.ts';
import type { LinesMessage } from './line-feeds.ts';
import type { Connection, FromHub } from './protocol.ts';

interface TabEvents {
  /** `characters`: how long it was as text. */
  message(message: { topic: string; at: string; kind: 'snapshot' | 'patch'; body: unknown; characters: number }): void;
  /** Log lines, which are no document. */
  lines(message: LinesMessage): void;
  state(state: Connection, reason: string | null): void;
  /** Nobody here wants this topic any more. */
  dropped(topic: string): void;
}

interface Joining {
  canShare(): boolean;
  joinShared: typeof joinShared;
  joinOwn: typeof joinOwn;
}

const HIDDEN_MS = 60_000;
const GATHER_MS = 10;
/** A shared hub that ends so often in a row is none: this tab keeps its own from then on. */
const MOST_LOSSES = 3;
const FORGIVEN_MS = 60_000;

/**
 * What this tab has of the browser's stream. It tells the hub which topics its mounted pages want, goes to sleep a
 * minute after it was hidden, and finds or starts another hub when the one it had has gone.
 */
export class TabStream {
  #wanted = new Map<string, number>();
  #told: string[] = [];
  #link: HubLink | null = null;
  #losses: number[] = [];
  #gathering: ReturnType<typeof setTimeout> | null = null;
  #hidden: ReturnType<typeof setTimeout> | null = null;
  #asleep = false;
  readonly #events: TabEvents;
  readonly #joining: Joining;

  constructor(events: TabEvents, joining: Joining = { canShare, joinShared, joinOwn }) {
    this.#events = events;
    this.#joining = joining;
  }

  start(): void {
    document.addEventListener('visibilitychange', this.#visibility);
    window.addEventListener('pagehide', () => this.#link?.post({ type: 'bye' }));
    window.addEventListener('pageshow', ({ persisted }) => persisted && this.#join());
    this.#join();
  }

  /** Wants a topic until the returned function is called. */
  want(topic: string): () => void {
    this.#wanted.set(topic, (this.#wanted.get(topic) ?? 0) + 1);
    this.#later();
    return () => {
      const left = (this.#wanted.get(topic) ?? 1) - 1;
      if (left > 0) {
        this.#wanted.set(topic, left);
        return;
      }
      this.#wanted.delete(topic);
      this.#later();
    };
  }

  #join(): void {
    this.#link = (this.#losses.length < MOST_LOSSES ? this.#shared() : null) ?? this.#own();
    this.#tell();
  }

  #shared(): HubLink | null {
    if (!this.#joining.canShare()) return null;
    try {
      const link: HubLink = this.#joining.joinShared({ heard: (message) => link === this.#link && this.#hear(message), lost: (cameUp) => link === this.#link && this.#lost(cameUp) });
      return link;
    } catch {
      return null;
    }
  }

  #own(): HubLink {
    return this.#joining.joinOwn({ heard: (message) => this.#hear(message) });
  }

  /** `cameUp`: it was there before. One that never came will not come at the next try either. */
  #lost(cameUp: boolean): void {
    const now = Date.now();
    const recent = this.#losses.filter((at) => now - at < FORGIVEN_MS);
    this.#losses = [...recent, ...Array.from({ length: cameUp ? 1 : MOST_LOSSES }, () => now)];
    if (!this.#asleep) this.#events.state('connecting', null);
    this.#join();
  }

  #later(): void {
    if (this.#gathering !== null) return;
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      this.#tell();
    }, GATHER_MS);
  }

  #tell(): void {
    this.#link?.post({ type: 'want', topics: this.#asleep ? [] : [...this.#wanted.keys()] });
    for (const topic of this.#told) if (!this.#wanted.has(topic)) this.#events.dropped(topic);
    this.#told = [...this.#wanted.keys()];
  }

  #hear(message: FromHub): void {
    if (message.type === 'message' && message.kind === 'lines') {
      this.#events.lines(JSON.parse(message.text) as LinesMessage);
    } else if (message.type === 'message') {
      const { topic, at, doc, patch } = JSON.parse(message.text) as { topic: string; at: string; doc?: unknown; patch?: unknown };
      const kind = message.kind === 'snapshot' ? 'snapshot' : 'patch';
      this.#events.message({ topic, at, kind, body: kind === 'snapshot' ? doc : patch, characters: message.text.length });
    } else if (message.type === 'state') {
      if (!this.#asleep && message.state !== 'asleep') this.#events.state(message.state, message.reason);
    } else if (message.type === 'full') {
      this.#link?.post({ type: 'bye' });
      this.#link = this.#own();
      this.#tell();
    }
  }

  #visibility = (): void => {
    if (document.visibilityState === 'hidden') {
      this.#hidden ??= setTimeout(() => {
        this.#asleep = true;
        this.#tell();
        this.#events.state('asleep', null);
      }, HIDDEN_MS);
      return;
    }
    if (this.#hidden !== null) clearTimeout(this.#hidden);
    this.#hidden = null;
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#events.state('connecting', null);
    this.#tell();
  };
}
