import type { Connection } from './protocol.ts';
import { isLines } from './line-feeds.ts';
import { SseCutter, type SseMessage } from './sse.ts';

export interface StreamMessage {
  topic: string;
  at: string;
  kind: 'snapshot' | 'patch' | 'lines';
  /** The document or the patch; of lines, all of the data. */
  body: unknown;
  /** The same as it came. */
  text: string;
}

export interface StreamEvents {
  message(message: StreamMessage): void;
  state(state: Connection, reason: string | null): void;
  /** A connection is being made, for these topics and no others. */
  asked(topics: readonly string[]): void;
}

const SILENCE_MS = 15_000;
const BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

/**
 * One connection to the server. It asks for the topics it is told, reads the answer as a stream, takes 15 s without
 * a byte for a broken line, and comes back with the last id it has seen. When a topic is added the connection is
 * made anew without an id: the newcomer needs its snapshot. Removed topics just ride along until the next
 * connection, unless they are log lines. Knows nothing of pages: it runs in a worker, too.
 */
export class LiveStream {
  #wanted: readonly string[] = [];
  #asked: readonly string[] = [];
  #lastId: string | null = null;
  #abort: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #change: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #last: Connection = 'asleep';
  readonly #events: StreamEvents;

  constructor(events: StreamEvents) {
    this.#events = events;
  }

  /** From now on these topics; none lets go of the connection. */
  ask(topics: readonly string[]): void {
    this.#wanted = topics;
    if (topics.length === 0) {
      this.#drop();
      this.#asked = [];
      this.#lastId = null;
      this.#state('asleep');
      return;
    }
    const isUnderWay = this.#abort !== null || this.#retry !== null;
    // Documents that nobody wants any more cost little; lines may be many.
    const isTooMuch = this.#asked.some((topic) => isLines(topic) && !topics.includes(topic));
    if (isUnderWay && !isTooMuch && topics.every((topic) => this.#asked.includes(topic))) return;
    // Pages want their topics one after the other within a moment: one connection for all of them.
    this.#change ??= setTimeout(() => {
      this.#change = null;
      this.#lastId = null;
      this.#connect();
    }, 30);
  }

  /** The network is back: do not wait any longer. */
  hurry(): void {
    if (this.#last === 'broken') this.#connect();
  }

  #state(state: Connection, reason: string | null = null): void {
    this.#last = state;
    this.#events.state(state, reason);
  }

  #drop(): void {
    for (const timer of [this.#retry, this.#silence, this.#change]) if (timer !== null) clearTimeout(timer);
    this.#retry = null;
    this.#silence = null;
    this.#change = null;
    this.#abort?.abort();
    this.#abort = null;
  }

  #connect(): void {
    this.#drop();
    if (this.#wanted.length === 0) return;
    if (this.#wanted.some((topic) => !this.#asked.includes(topic))) this.#lastId = null;
    this.#asked = this.#lastId === null ? this.#wanted : this.#asked;
    this.#events.asked(this.#asked);
    const abort = new AbortController();
    this.#abort = abort;
    if (this.#last !== 'broken') this.#state('connecting');
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
    if (message.event !== 'snapshot' && message.event !== 'patch' && message.event !== 'lines') return;
    this.#failures = 0;
    const data = JSON.parse(message.data) as { topic: string; at: string; doc?: unknown; patch?: unknown };
    const body = message.event === 'lines' ? data : message.event === 'snapshot' ? data.doc : data.patch;
    this.#events.message({ topic: data.topic, at: data.at, kind: message.event, body, text: message.data });
  }
}
