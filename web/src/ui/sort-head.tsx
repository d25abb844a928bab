export type Direction = 'asc' | 'desc';

/** The head of a column that sorts: a press sorts by it, a second turns it around, a third ends it. */
export function SortHead(props: {
  label: string; tip: string; className: string; first: Direction; active: Direction | null; onSort: (direction: Direction | null) => void;
}) {
  const { active, first } = props;
  const press = () => {
    if (active === null) props.onSort(first);
    else props.onSort(active === first ? (first === 'asc' ? 'desc' : 'asc') : null);
  };
  const arrow = active === null ? '' : active === 'asc' ? ' ↑' : ' ↓';
  return (
    <th scope="col" className={props.className} aria-sort={active === null ? undefined : active === 'asc' ? 'ascending' : 'descending'}>
      <button type="button" data-tip={props.tip} onClick={press}>{props.label}{arrow}</button>
    </th>
  );
}
