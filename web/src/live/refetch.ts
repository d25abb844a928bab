import { store } from './session.ts';

export interface Job<T> {
  ask: (signal: AbortSignal) => Promise<T>;
  done: (answer: T) => void;
  failed: (reason: string) => void;
  /** Milliseconds until the same is asked again; null for never. */
  again: () => number | null;
}

const LOOK_AGAIN_MS = 1_000;

/** Asks, and asks again after a while; not while the screen is frozen or out of sight. A new job ends the one before. */
export class Refetch {
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  run<T>(job: Job<T>): void {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    job.ask(abort.signal).then(
      (answer) => {
        if (abort.signal.aborted) return;
        job.done(answer);
        this.#later(abort, job, job.again());
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        job.failed(error instanceof Error ? error.message : String(error));
        this.#later(abort, job, job.again());
      },
    );
  }

  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #later<T>(abort: AbortController, job: Job<T>, pause: number | null): void {
    if (pause === null || abort !== this.#abort) return;
    this.#timer = setTimeout(() => {
      if (store.pausedAt !== null || document.visibilityState === 'hidden') this.#later(abort, job, LOOK_AGAIN_MS);
      else this.run(job);
    }, pause);
  }
}
