export interface CsvColumn {
  label: string;
  values: readonly (number | null | undefined)[];
}

/** A text in quotes. What begins like a formula is disarmed: names come from elsewhere, and spreadsheets run them. */
export function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

/** A line for each moment in the window (Unix seconds), a column for each line; a gap is an empty field. */
export function csvOf(times: readonly number[], columns: readonly CsvColumn[], window: { from: number; to: number }): string {
  const head = ['time', ...columns.map(({ label }) => quoted(label))].join(',');
  const lines = times.flatMap((time, i) => {
    if (time < window.from || time > window.to) return [];
    return [[new Date(time * 1_000).toISOString(), ...columns.map(({ values }) => values[i] ?? '')].join(',')];
  });
  return [head, ...lines, ''].join('\n');
}
