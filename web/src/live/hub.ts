import { ServerClock } from './clock.ts';
import { mergePatch } from './merge.ts';
import type { Connection, FromHub, ToHub } from './protocol.ts';
import type { LiveStream, StreamEvents, StreamMessage } from './stream.ts';

/** One tab, as the hub sees it. */
export interface Port {
  post(message: FromHub): void;
}

type Stream = Pick<LiveStream, 'ask' | 'hurry'>;

/** As many as the server lets one connection carry. */
export const MOST_TOPICS = 64;

/**
 * The one stream of a browser and the tabs that live on it. It asks for what all tabs want together, keeps each
 * document up to date, so that a newcomer gets its snapshot here, and tells each tab what that tab wants.
 */
export class StreamHub {
  #ports = new Map<Port, ReadonlySet<string>>();
  #documents = new Map<string, unknown>();
  /** How topics of log lines began on this connection: with nothing, or with what is wrong. */
  #begun = new Map<string, string>();
  #clock = new ServerClock();
  #state: Connection = 'connecting';
  #reason: string | null = null;
  readonly #stream: Stream;

  constructor(open: (events: StreamEvents) => Stream) {
    this.#stream = open({
      message: (message) => this.#message(message),
      state: (state, reason) => this.#changed(state, reason),
      asked: (topics) => this.#forgetAllBut(topics),
    });
  }

  hear(port: Port, message: ToHub): void {
    if (message.type === 'bye') this.leave(port);
    else if (message.type === 'want') this.#want(port, new Set(message.topics));
    else this.#ports.set(port, new Set());
  }

  /** A tab has gone, whether it said so or not. */
  leave(port: Port): void {
    if (this.#ports.delete(port)) this.#ask();
  }

  hurry(): void {
    this.#stream.hurry();
  }

  #want(port: Port, topics: ReadonlySet<string>): void {
    const before = this.#ports.get(port) ?? new Set<string>();
    this.#ports.set(port, topics);
    if (this.#union().length > MOST_TOPICS) {
      this.#ports.set(port, before);
      port.post({ type: 'full' });
      return;
    }
    const wasAsleep = before.size === 0;
    this.#ask();
    if (wasAsleep && topics.size > 0) port.post({ type: 'state', state: this.#state, reason: this.#reason });
    for (const topic of topics) {
      const text = before.has(topic) ? undefined : this.#begun.get(topic);
      if (text !== undefined) port.post({ type: 'message', topic, kind: 'lines', text });
      if (before.has(topic) || !this.#documents.has(topic)) continue;
      const at = new Date(this.#clock.now()).toISOString();
      const whole = JSON.stringify({ topic, at, doc: this.#documents.get(topic) });
      port.post({ type: 'message', topic, kind: 'snapshot', text: whole });
    }
  }

  #union(): string[] {
    return [...new Set([...this.#ports.values()].flatMap((topics) => [...topics]))];
  }

  #ask(): void {
    const topics = this.#union();
    if (topics.length === 0) this.#documents.clear();
    this.#stream.ask(topics);
  }

  #message({ topic, at, kind, body, text }: StreamMessage): void {
    this.#clock.hear(at);
    if (kind === 'lines') {
      if ((body as { lines: unknown[] }).lines.length === 0) this.#begun.set(topic, text);
    } else if (kind === 'snapshot') this.#documents.set(topic, body);
    else if (this.#documents.has(topic)) this.#documents.set(topic, mergePatch(this.#documents.get(topic), body));
    else return;
    for (const [port, topics] of this.#ports) if (topics.has(topic)) port.post({ type: 'message', topic, kind, text });
  }

  #changed(state: Connection, reason: string | null): void {
    this.#state = state;
    this.#reason = reason;
    for (const [port, topics] of this.#ports) if (topics.size > 0) port.post({ type: 'state', state, reason });
  }

  #forgetAllBut(topics: readonly string[]): void {
    this.#begun.clear();
    for (const topic of this.#documents.keys()) if (!topics.includes(topic)) this.#documents.delete(topic);
  }
}
