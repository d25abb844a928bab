export type Ink = 'in' | 'out' | 'third' | 'crit' | 'warn-mark' | 'ink-3' | 'ink-2' | 'line' | 'line-soft' | 'area' | 'surface'
  | 'heat-1' | 'heat-2' | 'heat-3' | 'heat-4' | 'heat-5' | 'heat-6'
  | `q-${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`;

let read: CSSStyleDeclaration | null = null;
const cache = new Map<Ink, string>();

/** A colour of the present theme, for the canvas. */
export function ink(name: Ink): string {
  const known = cache.get(name);
  if (known) return known;
  read ??= getComputedStyle(document.documentElement);
  const value = read.getPropertyValue(`--${name}`).trim();
  cache.set(name, value);
  return value;
}

window.addEventListener('vigie:theme', () => cache.clear(), { capture: true });
