/** What may stand before a message. `who` is the instance or, where nobody says, the source. */
export const LINE_COLUMNS = ['time', 'level', 'who', 'source', 'type', 'queue', 'job'] as const;
export type LineColumn = (typeof LINE_COLUMNS)[number];

export const USUAL: readonly LineColumn[] = ['time', 'level', 'who'];
const WIDTHS: Record<LineColumn, string> = { time: '76px', level: '100px', who: '130px', source: '110px', type: '100px', queue: '120px', job: '120px' };

/** The columns that an address names, in their own order; the usual where it names none. */
export function columnsOf(text: string | undefined): readonly LineColumn[] {
  if (text === undefined) return USUAL;
  const named = new Set(text.split(','));
  return LINE_COLUMNS.filter((column) => named.has(column));
}

/** The same for the address: nothing for the usual. */
export function columnsText(columns: readonly LineColumn[]): string | undefined {
  const text = LINE_COLUMNS.filter((column) => columns.includes(column)).join(',');
  return text === USUAL.join(',') ? undefined : text;
}

/** For `grid-template-columns`. */
export const columnTracks = (columns: readonly LineColumn[]): string => columns.map((column) => WIDTHS[column]).join(' ');
