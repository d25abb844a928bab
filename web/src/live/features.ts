/** Which parts this server has: the screen shows what is there. */
export interface Features {
  instances: boolean;
  logs: boolean;
}

const NONE: Features = { instances: false, logs: false };
let known: Features = NONE;
let asked = false;
const listeners = new Set<() => void>();
const AGAIN_MS = 10_000;

/** What the OpenAPI document says. */
export function featuresOf(document: unknown): Features {
  const paths = (document as { paths?: Record<string, unknown> } | null)?.paths ?? {};
  return { instances: '/api/v1/instances' in paths, logs: '/api/v1/logs' in paths };
}

async function ask(): Promise<void> {
  try {
    const response = await fetch('/api/openapi.json', { headers: { accept: 'application/json' } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    known = featuresOf(await response.json());
    for (const listener of listeners) listener();
  } catch {
    // The pill says already that the server does not answer; when it does, its pages appear.
    setTimeout(() => void ask(), AGAIN_MS);
  }
}

export function watchFeatures(listener: () => void): () => void {
  listeners.add(listener);
  if (!asked) {
    asked = true;
    void ask();
  }
  return () => listeners.delete(listener);
}

export const readFeatures = (): Features => known;
