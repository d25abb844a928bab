/** The stretches of time that the shell offers; all end now. */
export const PRESETS = ['5m', '15m', '1h', '6h', '24h', '7d', '30d'] as const;
export type Preset = (typeof PRESETS)[number];
export const DEFAULT_PRESET: Preset = '15m';

export const PRESET_SECONDS: Record<Preset, number> = {
  '5m': 300, '15m': 900, '1h': 3_600, '6h': 21_600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000,
};

/** From and to, Unix seconds. */
export interface Span {
  from: number;
  to: number;
}

/** What a page looks at: a preset that ends now, or a span that stands still. */
export interface Look {
  range: Preset;
  span: Span | null;
}

export const COMPARISONS = ['day', 'week'] as const;
export type Comparison = (typeof COMPARISONS)[number];
export const COMPARE_SECONDS: Record<Comparison, number> = { day: 86_400, week: 604_800 };

/** What every browser keeps of a live topic; a longer look comes from the store. */
const LIVE_SECONDS = 900;
/** A brush shorter than this was a slip of the hand. */
const LEAST_SPAN_SECONDS = 3;

export const sameLook = (a: Look, b: Look): boolean =>
  (a.span === null || b.span === null ? a.span === b.span && a.range === b.range : a.span.from === b.span.from && a.span.to === b.span.to);

/** A brushed stretch in whole seconds, within what can be looked at; null when it is too short to mean anything. */
export function brushedSpan(a: number, b: number): Span | null {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return null;
  const from = Math.max(1, Math.round(Math.min(a, b)));
  const to = Math.round(Math.max(a, b));
  return to - from >= LEAST_SPAN_SECONDS ? { from, to } : null;
}

/** The ways that brushing has come, so that a double click goes back by one. */
export class ZoomTrail {
  #steps: Look[] = [];

  /** Remembers where one stood before a brush. */
  push(look: Look): void {
    this.#steps = [...this.#steps, look].slice(-50);
  }

  /** Where a double click leads from here: the look before, else the preset without a zoom. */
  back(here: Look): Look {
    for (;;) {
      const before = this.#steps.pop();
      if (before === undefined) return { range: here.range, span: null };
      // The browser's own "back" may have brought us here already.
      if (!sameLook(before, here)) return before;
    }
  }

  clear(): void {
    this.#steps = [];
  }
}

/** Where the figures of a look come from: the stream, what the stream has left here already, or the server's store. */
export type Plan =
  | { from: 'stream' }
  | { from: 'memory'; span: Span }
  | { from: 'store'; span: Span | null; seconds: number };

/** `held` is what the stream has left in this browser, if anything. */
export function planFor(seconds: number, span: Span | null, held: Span | null): Plan {
  if (span === null) return seconds <= LIVE_SECONDS ? { from: 'stream' } : { from: 'store', span: null, seconds };
  const isHeld = held !== null && span.from >= held.from && span.to <= held.to + 1;
  return isHeld ? { from: 'memory', span } : { from: 'store', span, seconds: span.to - span.from };
}

/** Seconds since 1970 of what a `datetime-local` field says, in UTC or in this computer's zone; null when it says nothing. */
export function fieldSeconds(text: string, zone: 'utc' | 'local'): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text)) return null;
  const at = Date.parse(zone === 'utc' ? `${text}Z` : text);
  return Number.isNaN(at) || at <= 0 ? null : Math.floor(at / 1_000);
}

/** What a `datetime-local` field has to hold to mean this second. */
export function fieldText(seconds: number, zone: 'utc' | 'local'): string {
  const offset = zone === 'utc' ? 0 : new Date(seconds * 1_000).getTimezoneOffset() * 60;
  return new Date((seconds - offset) * 1_000).toISOString().slice(0, 19);
}
