interface Preferences {
  theme: 'system' | 'light' | 'dark';
  locale: 'auto' | 'en' | 'fr';
  zone: 'local' | 'utc';
}

const KEY = 'vigie.preferences';
const DEFAULTS: Preferences = { theme: 'system', locale: 'auto', zone: 'local' };
type Listener = () => void;

const choice = <T extends string>(value: unknown, among: readonly T[], otherwise: T): T =>
  among.find((candidate) => candidate === value) ?? otherwise;

/** What was stored, with anything unknown replaced: the storage belongs to the user and may hold whatever. */
export function parsePreferences(text: string | null): Preferences {
  let stored: Record<string, unknown> = {};
  try {
    stored = (JSON.parse(text ?? '{}') ?? {}) as Record<string, unknown>;
  } catch {
    stored = {};
  }
  return {
    theme: choice(stored['theme'], ['system', 'light', 'dark'], DEFAULTS.theme),
    locale: choice(stored['locale'], ['auto', 'en', 'fr'], DEFAULTS.locale),
    zone: choice(stored['zone'], ['local', 'utc'], DEFAULTS.zone),
  };
}

function load(): Preferences {
  try {
    return parsePreferences(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

let current = typeof localStorage === 'undefined' ? DEFAULTS : load();
const listeners = new Set<Listener>();

export const readPreferences = (): Preferences => current;

export function watchPreferences(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // A browser that stores nothing still gets its choice until the tab is closed.
  }
  for (const listener of listeners) listener();
}

/** Puts the theme on the page now and whenever the choice or the system changes. */
export function followTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const isDark = current.theme === 'dark' || (current.theme === 'system' && dark.matches);
    document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
    window.dispatchEvent(new Event('vigie:theme'));
  };
  dark.addEventListener('change', apply);
  // Paper is light: the tokens are (tokens.css), and what is drawn is drawn anew with them.
  matchMedia('print').addEventListener('change', apply);
  watchPreferences(apply);
  apply();
}
