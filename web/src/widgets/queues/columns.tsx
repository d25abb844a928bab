import { memo } from 'react';
import type { Direction, Sort } from '../../domain/order.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { Skeleton } from '../../ui/index.tsx';
import { SortHead } from '../../ui/sort-head.tsx';

export type QueueColumn = Exclude<Sort, 'worst'> | 'spark';

/** All columns of the table of queues, in order; `width` in pixels, the name takes what is left. */
export const QUEUE_COLUMNS: readonly QueueColumn[] = [
  'name', 'waiting', 'active', 'scheduled', 'retry', 'failed', 'oldest', 'in', 'out', 'net', 'drain', 'wait', 'run', 'errors', 'busy', 'spark',
];
export const COLUMNS_NOW: readonly QueueColumn[] = ['name', 'waiting', 'oldest', 'in', 'out', 'drain', 'wait', 'run', 'errors', 'busy', 'spark'];

export const WIDTHS: Record<QueueColumn, number> = {
  name: 0, waiting: 70, active: 62, scheduled: 66, retry: 62, failed: 62, oldest: 98, in: 66, out: 64, net: 60, drain: 124, wait: 84, run: 80, errors: 62, busy: 118, spark: 86,
};

/** Columns that a phone has room for. */
export const ON_PHONE: readonly QueueColumn[] = ['name', 'waiting', 'oldest', 'drain'];
/** Columns that a middling window leaves out. */
const WIDE_ONLY: ReadonlySet<QueueColumn> = new Set(['active', 'scheduled', 'retry', 'failed', 'net'] as const);

export function columnClass(column: QueueColumn): string {
  const left = column === 'busy' ? 'l ' : '';
  const wide = WIDE_ONLY.has(column) ? 'wide ' : '';
  return `${left}${wide}${ON_PHONE.includes(column) ? '' : 'ph'} c-${column}`;
}

const label = (column: QueueColumn): MessageId => `col.${column}`;
const tip = (column: QueueColumn): MessageId => `col.${column}Tip`;

/** The first press sorts the worst to the top; a name starts with A. */
const firstDirection = (column: Sort): Direction => (column === 'name' ? 'asc' : 'desc');

interface SortState {
  sort: Sort;
  direction: Direction;
  onSort: (sort: Sort, direction: Direction) => void;
}

/** A column's head: says what the figure is; where a table can be sorted, a press does it, a third one ends it. */
export const HeadCell = memo(function HeadCell({ column, state }: { column: QueueColumn; state?: SortState }) {
  const t = useSentence();
  if (column === 'spark') return <th scope="col" className={columnClass(column)} data-tip={t(tip(column))}>{t(label(column))}</th>;
  if (!state) return <th scope="col" className={columnClass(column)}><button type="button" data-tip={t(tip(column))}>{t(label(column))}</button></th>;
  return (
    <SortHead
      label={t(label(column))} tip={t(tip(column))} className={columnClass(column)} first={firstDirection(column)} active={state.sort === column ? state.direction : null}
      onSort={(direction) => (direction === null ? state.onSort('worst', 'desc') : state.onSort(column, direction))}
    />
  );
});

/** In the place of a row that has not come yet: a cell a column, for a span over hidden columns would bring them back. */
export const PendingRow = ({ columns }: { columns: readonly QueueColumn[] }) => (
  <tr>{columns.map((column) => <td key={column} className={columnClass(column)}><Skeleton width={column === 'name' ? '70%' : '4ch'} /></td>)}</tr>
);
