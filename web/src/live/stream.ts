import { SseCutter, type SseMessage } from './sse.ts';

export type Connection = 'connecting' | 'open' | 'broken' | 'asleep';

export interface StreamEvents {
  message(message: { topic: string; at: string; kind: 'snapshot' | 'patch'; body: unknown }): void;
  state(state: Connection, reason: string | null): void;
}

const SILENCE_MS = 15_000;
const HIDDEN_MS = 60_000;
const BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

/**
 * The one connection of this tab. It asks for the topics that mounted pages want, reads the answer as a stream,
 * takes 15 s without a byte for a broken line, and comes back with the last id it has seen. When a topic is added
 * the connection is made anew without an id: the newcomer needs its snapshot. Removed topics just ride along
 * until the next connection.
 */
export class LiveStream {
  #wanted = new Map<string, number>();
  #asked: string[] = [];
  #lastId: string | null = null;
  #abort: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #change: ReturnType<typeof setTimeout> | null = null;
  #hidden: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  readonly #events: StreamEvents;

  constructor(events: StreamEvents) {
    this.#events = events;
  }

  start(): void {
    document.addEventListener('visibilitychange', this.#visibility);
    window.addEventListener('online', () => this.#state() === 'broken' && this.#connect());
  }

  /** Wants a topic until the returned function is called. */
  want(topic: string): () => void {
    this.#wanted.set(topic, (this.#wanted.get(topic) ?? 0) + 1);
    if (!this.#asked.includes(topic)) this.#later();
    return () => {
      const left = (this.#wanted.get(topic) ?? 1) - 1;
      if (left > 0) this.#wanted.set(topic, left);
      else this.#wanted.delete(topic);
    };
  }

  isAsked(topic: string): boolean {
    return this.#asked.includes(topic);
  }

  #last: Connection = 'connecting';
  #state(next?: Connection, reason: string | null = null): Connection {
    if (next) {
      this.#last = next;
      this.#events.state(next, reason);
    }
    return this.#last;
  }

  #later(): void {
    if (this.#change !== null) return;
    this.#change = setTimeout(() => {
      this.#change = null;
      if (this.#state() === 'asleep') return;
      if ([...this.#wanted.keys()].every((topic) => this.#asked.includes(topic)) && this.#abort) return;
      this.#lastId = null;
      this.#connect();
    }, 30);
  }

  #visibility = (): void => {
    if (document.visibilityState === 'hidden') {
      this.#hidden ??= setTimeout(() => {
        this.#drop();
        this.#state('asleep');
      }, HIDDEN_MS);
      return;
    }
    if (this.#hidden !== null) clearTimeout(this.#hidden);
    this.#hidden = null;
    if (this.#state() === 'asleep') this.#connect();
  };

  #drop(): void {
    for (const timer of [this.#retry, this.#silence]) if (timer !== null) clearTimeout(timer);
    this.#retry = null;
    this.#silence = null;
    this.#abort?.abort();
    this.#abort = null;
  }

  #connect(): void {
    this.#drop();
    if (this.#wanted.size === 0) return;
    const wanted = [...this.#wanted.keys()];
    if (wanted.some((topic) => !this.#asked.includes(topic))) this.#lastId = null;
    this.#asked = this.#lastId === null ? wanted : this.#asked;
    const abort = new AbortController();
    this.#abort = abort;
    if (this.#state() !== 'broken') this.#state('connecting');
    this.#listenForSilence();
    this.#read(abort.signal).then(
      () => this.#broken(abort, null),
      (error: unknown) => this.#broken(abort, error instanceof Error ? error.message : String(error)),
    );
  }

  #broken(abort: AbortController, reason: string | null): void {
    if (this.#abort !== abort) return;
    this.#drop();
    this.#state('broken', reason);
    const pause = BACKOFF_MS[Math.min(this.#failures, BACKOFF_MS.length - 1)] ?? 8_000;
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), pause * (0.75 + Math.random() / 2));
  }

  #listenForSilence(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    const abort = this.#abort;
    this.#silence = setTimeout(() => {
      if (!abort || abort !== this.#abort) return;
      abort.abort();
      this.#broken(abort, 'silence');
    }, SILENCE_MS);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const url = `/api/v1/stream?topics=${this.#asked.map(encodeURIComponent).join(',')}`;
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (this.#lastId !== null) headers['last-event-id'] = this.#lastId;
    const response = await fetch(url, { headers, signal, cache: 'no-store' });
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const cutter = new SseCutter();
    this.#state('open');
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- a stream is read in its order
      const { value, done } = await reader.read();
      if (done || signal.aborted) return;
      this.#listenForSilence();
      for (const message of cutter.push(value)) this.#hear(message);
    }
  }

  #hear(message: SseMessage): void {
    if (message.id !== null) this.#lastId = message.id;
    if (message.event !== 'snapshot' && message.event !== 'patch') return;
    this.#failures = 0;
    const data = JSON.parse(message.data) as { topic: string; at: string; doc?: unknown; patch?: unknown };
    const body = message.event === 'snapshot' ? data.doc : data.patch;
    this.#events.message({ topic: data.topic, at: data.at, kind: message.event, body });
  }
}
