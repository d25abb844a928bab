const KEY = 'vigie.explore.recent';
const MOST = 30;

/** What was stored, with anything that is no query left out: the storage belongs to the user and may hold whatever. */
export function parseRecent(text: string | null): string[] {
  try {
    const stored: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(stored) ? stored.filter((query): query is string => typeof query === 'string' && query !== '').slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** The newest first, each once, at most 30. */
export const withRecent = (recent: readonly string[], queries: readonly string[]): string[] =>
  [...new Set([...queries.map((query) => query.trim()).filter(Boolean), ...recent])].slice(0, MOST);

export function readRecent(): string[] {
  try {
    return parseRecent(localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

export function remember(queries: readonly string[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(withRecent(readRecent(), queries)));
  } catch {
    // A browser that stores nothing has no history of queries.
  }
}
