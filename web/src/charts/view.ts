type Listener = () => void;

/** From and to, Unix seconds. */
export type Zoom = { from: number; to: number };

/**
 * What all charts look at: the range that ends now, or a zoomed stretch that stands still. The URL is the owner of it;
 * a brush only asks, and the page answers by changing the URL.
 */
class ChartView {
  rangeSeconds = 900;
  zoom: Zoom | null = null;
  #listeners = new Set<Listener>();
  #ask: (zoom: Zoom | null) => void = () => undefined;

  set(rangeSeconds: number, zoom: Zoom | null): void {
    this.rangeSeconds = rangeSeconds;
    this.zoom = zoom;
    for (const listener of this.#listeners) listener();
  }

  answerWith(ask: (zoom: Zoom | null) => void): void {
    this.#ask = ask;
  }

  request(zoom: Zoom | null): void {
    this.#ask(zoom);
  }

  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const chartView = new ChartView();
