type Listener = () => void;

/**
 * The server's time as this browser knows it. Every message carries the time it was made; the one that travelled
 * fastest in the last minute gives the difference between the two clocks.
 */
export class ServerClock {
  /** By the time they were heard, the fastest first: one that came after a slower one makes it needless. */
  #samples: { heard: number; offset: number }[] = [];
  #offset = 0;

  hear(at: string, heard = Date.now()): void {
    const made = Date.parse(at);
    if (Number.isNaN(made)) return;
    const offset = made - heard;
    const isOfUse = (sample: { heard: number; offset: number }) => heard - sample.heard < 60_000 && sample.heard <= heard && sample.offset > offset;
    this.#samples = this.#samples.filter(isOfUse);
    this.#samples.push({ heard, offset });
    this.#offset = this.#samples[0]?.offset ?? offset;
  }

  now(local = Date.now()): number {
    return local + this.#offset;
  }
}

/** One timer for the whole page; whoever shows an age listens to it. Nothing runs while nobody listens. */
export class Ticker {
  #listeners = new Set<Listener>();
  #timer: ReturnType<typeof setInterval> | null = null;
  readonly #period: number;
  readonly #read: () => number;
  #value: number;
  #beaten = -Infinity;

  constructor(period: number, read: () => number) {
    this.#period = period;
    this.#read = read;
    this.#value = read();
  }

  watch = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    if (this.#timer === null) {
      this.#value = this.#read();
      this.#timer = setInterval(this.#tick, this.#period);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  };

  value = (): number => this.#value;

  /** Ticks now, with something else that goes on about once a period: what is drawn together costs once. The timer steps in when that ends. */
  beat(): void {
    this.#beaten = performance.now();
    if (this.#timer !== null) this.#tell();
  }

  #tick = (): void => {
    if (performance.now() - this.#beaten > this.#period * 1.2) this.#tell();
  };

  #tell(): void {
    this.#value = this.#read();
    for (const listener of this.#listeners) listener();
  }
}

/** Whole seconds for figures that count: one more at each reading, unless the clock says that it is another one. */
export function evenSeconds(now: () => number): () => number {
  let second = 0;
  return () => {
    const at = now();
    second = Math.abs(at - second - 1_000) < 600 ? second + 1_000 : Math.round(at / 1_000) * 1_000;
    return second;
  };
}
