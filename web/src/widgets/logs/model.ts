import { LEVELS, type Level, type LogFilter } from '../../api/logs.ts';
import { chartView } from '../../charts/view.ts';
import type { Span } from '../../domain/span.ts';
import type { Tone } from '../../ui/index.tsx';
import { clock } from '../../live/session.ts';

/** What a press or a key on the page of logs changes in the address. */
type LogsChange = LogFilter & { view?: 'patterns' | undefined; line?: string | undefined; cols?: string | undefined; wrap?: '1' | undefined };
export type OnLogsChange = (change: LogsChange & { level?: Level | undefined }, replace?: boolean) => void;

export const asLevel = (text: string | undefined): Level | undefined => LEVELS.find((level) => level === text);

export const levelTone = (level: Level): Tone =>
  level === 'error' || level === 'fatal' ? 'critical' : level === 'warn' ? 'warning' : level === 'unknown' ? 'unknown' : 'ok';

/** What the page looks at, Unix seconds. */
export function logWindow(): Span {
  const now = Math.ceil(clock.now() / 1_000);
  return chartView.zoom ?? { from: now - chartView.rangeSeconds, to: now };
}
