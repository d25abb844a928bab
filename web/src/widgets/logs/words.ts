import { ownEventText } from '../../domain/event.ts';
import { currentLocale } from '../../i18n/index.ts';
import type { Line } from '../../logs/line.ts';

/** What a line says: an event of Vigie's own in the language on the screen, everything else as it was written. */
export function wordsOf(line: Line): string {
  if (line.origin.type !== 'event' || line.fields === null || currentLocale().startsWith('en')) return line.message;
  const { event, ...fields } = JSON.parse(line.fields) as Record<string, unknown>;
  return (typeof event === 'string' ? ownEventText(event, line.origin.source, fields) : null) ?? line.message;
}
