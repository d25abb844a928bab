// oxlint-disable unicorn/require-post-message-target-origin -- a port has no origin to name
import { trusted } from '../domain/trusted.ts';
import type { FromHub, ToHub } from './protocol.ts';
// oxlint-disable-next-line import/default -- the bundler makes it
import workerUrl from './shared-worker.ts?worker&url';

/** A tab's end of the line to a hub. */
export interface HubLink {
  post(message: ToHub): void;
}

export interface HubEvents {
  heard(message: FromHub): void;
  /** The hub has ended, or never came up: this link is of no use any more. */
  lost(cameUp: boolean): void;
}

const HELLO_WITHIN_MS = 5_000;

/** Old browsers and pages without a secure origin lack one or the other; some private modes refuse at the first try. */
export const canShare = (): boolean => typeof SharedWorker === 'function' && Boolean(globalThis.navigator?.locks);

/** A lock of this tab, held as long as it lives; its name, once it is held. */
const tabLock = (): Promise<string> =>
  new Promise((ready, failed) => {
    const name = `vigie-tab-${crypto.randomUUID()}`;
    navigator.locks.request(name, () => {
      ready(name);
      return new Promise(() => undefined);
    }).catch(failed);
  });

let ownLock: Promise<string> | null = null;

/** Joins the hub that all tabs of this browser share. Throws where the browser refuses. */
export function joinShared(events: HubEvents): HubLink {
  const worker = new SharedWorker(trusted(workerUrl), { type: 'module', name: 'vigie' });
  const { port } = worker;
  const waiting: ToHub[] = [];
  let open = false;
  let over = false;
  let cameUp = false;
  const lost = () => {
    if (over) return;
    over = true;
    port.close();
    events.lost(cameUp);
  };
  const patience = setTimeout(lost, HELLO_WITHIN_MS);
  worker.addEventListener('error', lost);
  port.addEventListener('message', ({ data }: MessageEvent<FromHub>) => {
    if (over) return;
    if (data.type === 'hello' && data.lock !== null) {
      clearTimeout(patience);
      cameUp = true;
      // Granted when the hub has died, and let go at once, so that every tab learns it.
      void navigator.locks.request(data.lock, { mode: 'shared' }, lost);
    }
    events.heard(data);
  });
  port.start();
  ownLock ??= tabLock();
  ownLock.then((lock) => {
    port.postMessage({ type: 'join', lock } satisfies ToHub);
    open = true;
    for (const message of waiting.splice(0)) port.postMessage(message);
  }, lost);
  return {
    post: (message) => {
      if (open) port.postMessage(message);
      else waiting.push(message);
    },
  };
}

/** A hub for this tab alone; its script comes only where it is needed. */
export function joinOwn(events: Pick<HubEvents, 'heard'>): HubLink {
  const own = import('./own-hub.ts').then(({ openOwnHub }) => openOwnHub(events.heard));
  // A script that does not come is like a server that does not answer; the next page load tries again.
  own.catch((error: unknown) => events.heard({ type: 'state', state: 'broken', reason: error instanceof Error ? error.message : String(error) }));
  return { post: (message) => void own.then((post) => post(message), () => undefined) };
}
