// A client of Vigie's stream that keeps the documents up to date and counts bytes.
import http from 'node:http';
import { createGunzip } from 'node:zlib';

/** RFC 7396. */
function merge(target, patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (typeof value === 'object' && !Array.isArray(value)) target[key] = merge(typeof target[key] === 'object' ? target[key] : {}, value);
    else target[key] = value;
  }
  return target;
}

/**
 * Opens the stream. `heard(message, docs)` is called after each snapshot or patch is applied.
 * Returns { docs, bytes, close }: the documents by topic, the bytes on the wire so far.
 */
export function listen(url, { gzip = false, heard = () => {} } = {}) {
  const state = { docs: {}, bytes: 0, close: () => request.destroy() };
  let text = '';
  const take = (data) => {
    const message = JSON.parse(data);
    state.docs[message.topic] = message.doc ?? merge(state.docs[message.topic], message.patch);
    heard({ ...message, size: data.length }, state.docs);
  };
  const request = http.get(url, { headers: { accept: 'text/event-stream', 'accept-encoding': gzip ? 'gzip' : 'identity' } }, (response) => {
    if (response.statusCode !== 200) throw new Error(`${url} answers ${response.statusCode}`);
    response.on('data', (piece) => { state.bytes += piece.length; });
    response.on('error', () => {});
    const plain = gzip ? response.pipe(createGunzip()) : response;
    plain.on('error', () => {});
    plain.setEncoding('utf8').on('data', (piece) => {
      const events = (text + piece).split('\n\n');
      text = events.pop();
      for (const event of events) {
        const data = event.split('\n').find((line) => line.startsWith('data: '));
        if (data && /^event: (snapshot|patch)$/m.test(event)) take(data.slice(6));
      }
    });
  });
  request.on('error', () => {});
  return state;
}
