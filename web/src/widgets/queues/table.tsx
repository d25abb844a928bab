import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useRef, type ReactNode } from 'react';
import type { Row } from '../../api/contract.ts';
import { matches, rowOrder, type Direction, type Sort } from '../../domain/order.ts';
import { useSentence } from '../../i18n/index.ts';
import { useTopic } from '../../live/hooks.ts';
import { Segmented } from '../../ui/index.tsx';
import { columnClass, HeadCell, ON_PHONE, PendingRow, QUEUE_COLUMNS, WIDTHS } from './columns.tsx';
import { useQueueCount, useQueueIds } from './ids.ts';
import { QueueRow } from './row.tsx';

interface QueueTableProps {
  filter: string;
  sort: Sort;
  direction: Direction;
  grouped: boolean;
  onFilter: (filter: string) => void;
  onSort: (sort: Sort, direction: Direction) => void;
  onGroup: (on: boolean) => void;
}

const GROUP = '\u0000group ';

/** The ids to show, in order; a group's head is an id of its own. */
function arrange(rows: Record<string, Row>, props: Pick<QueueTableProps, 'filter' | 'sort' | 'direction' | 'grouped'>): string[] {
  const order = rowOrder(props.sort, props.direction);
  const shown = Object.entries(rows).filter(([, row]) => matches(row, props.filter.trim())).toSorted(([, a], [, b]) => order(a, b));
  if (!props.grouped) return shown.map(([id]) => id);
  const groups = Map.groupBy(shown, ([, row]) => `${row.source} · ${row.kind}`);
  return [...groups].flatMap(([name, members]) => [`${GROUP}${members.length} ${name}`, ...members.map(([id]) => id)]);
}

/** The columns that a head does not span: as many as a phone leaves out. */
const BESIDE = QUEUE_COLUMNS.filter((column) => !ON_PHONE.includes(column));

function GroupHead({ id }: { id: string }) {
  const t = useSentence();
  const [n = '0', ...name] = id.slice(GROUP.length).split(' ');
  return (
    <tr className="group">
      <th scope="rowgroup" className="l" colSpan={ON_PHONE.length}><bdi>{name.join(' ')}</bdi> <span className="dim">{t('queues.count', { n: Number(n) })}</span></th>
      {/* The band goes on over the columns that are there: a span over hidden ones would bring them back. */}
      {/* oxlint-disable-next-line jsx-a11y/control-has-associated-label -- nothing to say */}
      {BESIDE.map((column) => <td key={column} className={columnClass(column)} />)}
    </tr>
  );
}

/** The room of the rows out of sight. One cell, no more: a span over hidden columns would bring them back. */
// oxlint-disable-next-line jsx-a11y/control-has-associated-label
const Gap = ({ height }: { height: number }) => (height > 0 ? <tr aria-hidden="true" className="gap"><td style={{ height }} /></tr> : null);

const Toolbar = memo(function Toolbar({ props, shown, all }: { props: QueueTableProps; shown: number; all: number | undefined }) {
  const t = useSentence();
  return (
    <div className="toolbar">
      <h1 className="page">{t('nav.queues')}</h1>
      <input className="field" type="search" data-filter="" aria-label={t('queues.filter')} placeholder={t('queues.filter')} value={props.filter} onChange={(event) => props.onFilter(event.target.value)} />
      <Segmented label={t('queues.group')} value={props.grouped ? 'source' : 'none'} onChange={(value) => props.onGroup(value === 'source')} options={[
        { value: 'none', label: t('queues.ungrouped') }, { value: 'source', label: t('queues.bySource') },
      ]} />
      {props.sort === 'worst' ? null : <button type="button" className="btn quiet" onClick={() => props.onSort('worst', 'desc')}>{t('queues.worstFirst')}</button>}
      <span className="dim end" aria-live="polite">{all === undefined ? '' : t('queues.shown', { shown, all })}</span>
    </div>
  );
});

function Body({ ids, box }: { ids: string[]; box: React.RefObject<HTMLDivElement | null> }) {
  const phone = matchMedia('(max-width: 900px)').matches;
  // oxlint-disable-next-line react/incompatible-library -- no compiler is in use
  const virtual = useVirtualizer({
    count: ids.length, getScrollElement: () => box.current, estimateSize: () => (phone ? 36 : 28), overscan: 8, getItemKey: (i) => ids[i] ?? i, scrollMargin: 0,
  });
  const items = virtual.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);
  const drawn: ReactNode[] = items.map(({ index }) => {
    const id = ids[index] ?? '';
    return id.startsWith(GROUP) ? <GroupHead key={id} id={id} /> : <QueueRow key={id} id={id} columns={QUEUE_COLUMNS} />;
  });
  return <tbody><Gap height={first?.start ?? 0} />{drawn}<Gap height={last ? virtual.getTotalSize() - last.end : 0} /></tbody>;
}

/** Every queue. Only what is in sight is in the page, whether there are five or five thousand. */
export function QueueTable(props: QueueTableProps) {
  const t = useSentence();
  useTopic('queues');
  const box = useRef<HTMLDivElement>(null);
  const { filter, sort, direction, grouped } = props;
  const ids = useQueueIds(useCallback((rows) => arrange(rows, { filter, sort, direction, grouped }), [filter, sort, direction, grouped]));
  const all = useQueueCount();
  const shown = ids?.filter((id) => !id.startsWith(GROUP)).length ?? 0;
  return (
    <div className="stack tall">
      <Toolbar props={props} shown={shown} all={all} />
      <div className="card scroll grow" ref={box} role="region" aria-label={t('nav.queues')} tabIndex={-1}>
        <table className="queues fixed" data-rows="" aria-rowcount={shown}>
          <colgroup>{QUEUE_COLUMNS.map((column) => <col key={column} className={`w-${column}`} style={{ width: WIDTHS[column] || undefined }} />)}</colgroup>
          <thead className="stick"><tr>{QUEUE_COLUMNS.map((column) => <HeadCell key={column} column={column} state={props} />)}</tr></thead>
          {ids ? <Body ids={ids} box={box} /> : (
            <tbody>{Array.from({ length: 12 }, (_, i) => <PendingRow key={i} columns={QUEUE_COLUMNS} />)}</tbody>
          )}
        </table>
        {ids && shown === 0 ? <p className="empty">{t(all === 0 ? 'queues.none' : 'queues.noMatch')}</p> : null}
      </div>
    </div>
  );
}
