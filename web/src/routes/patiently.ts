const AGAIN_MS = 2_000;

/** A proxy in front of a server that is away answers in its place, with an error. */
const isThere = (): Promise<boolean> => fetch('/healthz', { cache: 'no-store' }).then(({ ok }) => ok, () => false);

/**
 * Fetches a part of the screen, and again for as long as nobody answers: whoever presses a link while the server is away keeps
 * what is on the screen, and gets the page once it is back. A server that is there and has no such part is a newer one: that
 * fails, and the router loads everything anew.
 */
export async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      return await load();
    } catch {
      // It may have come back this moment.
      // oxlint-disable-next-line no-await-in-loop
      if (await isThere()) return load();
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    }
  }
}
