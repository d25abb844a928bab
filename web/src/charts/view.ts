import { PRESET_SECONDS, ZoomTrail, DEFAULT_PRESET, sameLook, type Comparison, type Look, type Span } from '../domain/span.ts';

type Listener = () => void;

/**
 * What all charts look at: the range that ends now, or a zoomed stretch that stands still, and what it is compared
 * with. The URL is the owner of it; a brush only asks, and the page answers by changing the URL.
 */
class ChartView {
  look: Look = { range: DEFAULT_PRESET, span: null };
  comparison: Comparison | null = null;
  #trail = new ZoomTrail();
  #listeners = new Set<Listener>();
  #isBrushing = false;
  #ask: (look: Look) => void = () => undefined;

  get rangeSeconds(): number {
    return PRESET_SECONDS[this.look.range];
  }

  get zoom(): Span | null {
    return this.look.span;
  }

  set(look: Look, comparison: Comparison | null): void {
    if (sameLook(look, this.look) && look.range === this.look.range && comparison === this.comparison) return;
    this.look = look;
    this.comparison = comparison;
    for (const listener of this.#listeners) listener();
  }

  answerWith(ask: (look: Look) => void): void {
    this.#ask = ask;
  }

  /** A stretch was brushed. */
  brush(span: Span): void {
    // The charts under the same cursor tell of the same brush, each by its own pixels; the first is the one under the hand.
    if (this.#isBrushing) return;
    this.#isBrushing = true;
    setTimeout(() => { this.#isBrushing = false; }, 0);
    this.#trail.push(this.look);
    this.#ask({ range: this.look.range, span });
  }

  /** A double click: to what was looked at before. */
  back(): void {
    const before = this.#trail.back(this.look);
    if (!sameLook(before, this.look)) this.#ask(before);
  }

  /** A preset or a custom range was chosen; the way there is not one of brushes. */
  choose(look: Look): void {
    this.#trail.clear();
    this.#ask(look);
  }

  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const chartView = new ChartView();
