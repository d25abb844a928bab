import { StreamHub, type Port } from './hub.ts';
import type { FromHub, ToHub } from './protocol.ts';
import { LiveStream } from './stream.ts';

/** A hub in the page itself; answers how to speak to it. */
export function openOwnHub(heard: (message: FromHub) => void): (message: ToHub) => void {
  const hub = new StreamHub((events) => new LiveStream(events));
  const port: Port = { post: heard };
  window.addEventListener('online', () => hub.hurry());
  hub.hear(port, { type: 'join', lock: null });
  return (message) => hub.hear(port, message);
}
