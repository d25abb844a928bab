export interface SseMessage {
  id: string | null;
  event: string;
  data: string;
}

/**
 * Cuts a stream of text into server-sent events. Feed it the chunks as they come; it keeps the unfinished rest.
 * Comment lines yield nothing, but the caller sees that bytes came.
 */
export class SseCutter {
  #rest = '';
  #id: string | null = null;
  #event = 'message';
  #data: string[] = [];

  push(chunk: string): SseMessage[] {
    const messages: SseMessage[] = [];
    const text = this.#rest + chunk;
    let from = 0;
    for (;;) {
      const end = text.indexOf('\n', from);
      if (end < 0) break;
      const line = text.slice(from, text[end - 1] === '\r' && end > from ? end - 1 : end);
      from = end + 1;
      const done = this.#line(line);
      if (done) messages.push(done);
    }
    this.#rest = text.slice(from);
    return messages;
  }

  #line(line: string): SseMessage | null {
    if (line === '') return this.#finish();
    if (line.startsWith(':')) return null;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return null;
  }

  #finish(): SseMessage | null {
    const message = this.#data.length > 0 ? { id: this.#id, event: this.#event, data: this.#data.join('\n') } : null;
    this.#data = [];
    this.#event = 'message';
    return message;
  }
}
