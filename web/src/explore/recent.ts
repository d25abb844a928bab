const KEY = 'vigie.explore.recent';
const MOST = 30;

/** A query in its language. */
export interface Query {
  text: string;
  /** LogQL, not PromQL. */
  isLog: boolean;
}

/** A query of the storage: PromQL is a plain text, LogQL says so. */
function stored(item: unknown): Query[] {
  const isLog = typeof item === 'object' && item !== null && 'logql' in item;
  const text: unknown = isLog ? item.logql : item;
  return typeof text === 'string' && text !== '' ? [{ text, isLog }] : [];
}

/** What was stored, with anything that is no query left out: the storage belongs to the user and may hold whatever. */
export function parseRecent(text: string | null): Query[] {
  try {
    const all: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(all) ? all.flatMap(stored).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** The newest first, each once, at most 30. */
export function withRecent(recent: readonly Query[], queries: readonly Query[]): Query[] {
  const all = [...queries.map(({ text, isLog }) => ({ text: text.trim(), isLog })).filter(({ text }) => text !== ''), ...recent];
  const seen = new Set<string>();
  return all.filter(({ text, isLog }) => {
    const key = `${isLog} ${text}`;
    return !seen.has(key) && seen.add(key);
  }).slice(0, MOST);
}

export function readRecent(): Query[] {
  try {
    return parseRecent(localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

export function remember(queries: readonly Query[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(withRecent(readRecent(), queries).map(({ text, isLog }) => (isLog ? { logql: text } : text))));
  } catch {
    // A browser that stores nothing has no history of queries.
  }
}
