// oxlint-disable unicorn/require-post-message-target-origin -- a port has no origin to name
// The hub of all tabs of this browser that run this build: a browser keeps one shared worker a script.
import { StreamHub, type Port } from './hub.ts';
import type { ToHub } from './protocol.ts';
import { LiveStream } from './stream.ts';

const hub = new StreamHub((events) => new LiveStream(events));
const lock = `vigie-hub-${crypto.randomUUID()}`;

/** Held as long as this worker lives: who waits for it learns of its end. */
const held = new Promise<void>((ready) => {
  void navigator.locks.request(lock, () => {
    ready();
    return new Promise(() => undefined);
  });
});

addEventListener('connect', (event) => {
  const channel = (event as MessageEvent).ports[0];
  if (!channel) return;
  const port: Port = { post: (message) => channel.postMessage(message) };
  channel.addEventListener('message', ({ data }: MessageEvent<ToHub>) => {
    hub.hear(port, data);
    // A tab that crashed says no goodbye, but its lock is free then.
    if (data.type === 'join' && data.lock !== null) void navigator.locks.request(data.lock, () => hub.leave(port));
    if (data.type === 'bye') channel.close();
  });
  channel.start();
  void held.then(() => port.post({ type: 'hello', lock }));
});
addEventListener('online', () => hub.hurry());
