/** What a tab and the hub of its browser say to each other. */
export type Connection = 'connecting' | 'open' | 'broken' | 'asleep';

export type ToHub =
  /** First word of a tab: the name of the lock that it holds for as long as it lives; null when it lives in the hub's own page. */
  | { type: 'join'; lock: string | null }
  /** All topics that the tab wants from now on; none lets it sleep. */
  | { type: 'want'; topics: string[] }
  | { type: 'bye' };

export type FromHub =
  /** First word of the hub, likewise. */
  | { type: 'hello'; lock: string | null }
  | { type: 'state'; state: Connection; reason: string | null }
  /** `text` is the JSON of the stream: `{topic, at, doc}` of a snapshot, `{topic, at, patch}` of a patch, `{topic, at, lines, skipped}` of lines. */
  | { type: 'message'; topic: string; kind: 'snapshot' | 'patch' | 'lines'; text: string }
  /** The browser's stream cannot carry what this tab wants beside the rest. */
  | { type: 'full' };
