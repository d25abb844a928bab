import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { figure } from '../../explore/figure.ts';
import { seriesText, tellingLabels } from '../../explore/matrix.ts';
import { useSentence } from '../../i18n/index.ts';
import { type Listed } from './results.ts';

const ROW = 28;
const STATS = ['last', 'min', 'mean', 'max'] as const;
type Sort = (typeof STATS)[number];

interface SeriesTableProps {
  rows: readonly Listed[];
  isInstant: boolean;
  /** Higher, when it is all there is to see. */
  isTall: boolean;
  onPoint?: ((row: Listed | null) => void) | undefined;
}

/** Not a number comes last, whichever the direction. */
function sorted(rows: readonly Listed[], sort: { by: Sort; down: boolean } | null): readonly Listed[] {
  if (!sort) return rows;
  const sign = sort.down ? -1 : 1;
  return rows.toSorted(({ line: a }, { line: b }) => {
    const [left, right] = [a[sort.by], b[sort.by]];
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return sign * (left === right ? 0 : left < right ? -1 : 1);
  });
}

function Swatch({ row }: { row: Listed }) {
  const dashed = row.dash.length > 0;
  const color = `var(--${row.ink})`;
  return <i className="swatch" style={{ background: dashed ? `repeating-linear-gradient(90deg, ${color} 0 ${row.dash[0]}px, transparent 0 ${(row.dash[0] ?? 0) + (row.dash[1] ?? 0)}px)` : color }} aria-hidden="true" />;
}

/** The room of the rows out of sight. */
// oxlint-disable-next-line jsx-a11y/control-has-associated-label
const Gap = ({ height }: { height: number }) => (height > 0 ? <tr aria-hidden="true" className="gap"><td style={{ height }} /></tr> : null);

/** Every series of the answers; only what is in sight is in the page, whether there are five or ten thousand. */
export function SeriesTable(props: SeriesTableProps) {
  const t = useSentence();
  const box = useRef<HTMLDivElement>(null);
  const [sort, setSort] = useState<{ by: Sort; down: boolean } | null>(null);
  const rows = useMemo(() => sorted(props.rows, sort), [props.rows, sort]);
  const telling = useMemo(() => new Map(
    [...new Set(props.rows.map(({ letter }) => letter))].map((letter) => [letter, tellingLabels(props.rows.filter((row) => row.letter === letter).map(({ line }) => line.labels))]),
  ), [props.rows]);
  // oxlint-disable-next-line react/incompatible-library -- no compiler is in use
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 10 });
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const stats = props.isInstant ? (['last'] as const) : STATS;
  const press = (by: Sort) => setSort((old) => (old?.by === by ? (old.down ? { by, down: false } : null) : { by, down: true }));
  return (
    // A region that scrolls has to be reachable without a mouse.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={`scroll series ${props.isTall ? 'tall-series' : ''}`} ref={box} tabIndex={0} role="region" aria-label={t('explore.list')} onPointerLeave={() => props.onPoint?.(null)}>
      <table aria-rowcount={rows.length}>
        <thead className="stick">
          <tr>
            <th scope="col" className="w-letter">{t('explore.col.query')}</th><th scope="col" className="l">{t('explore.col.series')}</th>
            {stats.map((by) => (
              <th key={by} scope="col" className={by === 'last' ? '' : 'ph'} aria-sort={sort?.by === by ? (sort.down ? 'descending' : 'ascending') : undefined}>
                <button type="button" onClick={() => press(by)}>{t(props.isInstant ? 'explore.col.value' : `explore.col.${by}`)}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap height={before} />
          {items.map(({ index }) => {
            const row = rows[index];
            if (!row) return null;
            return (
              <tr key={index} onPointerEnter={() => props.onPoint?.(row)}>
                <td className="w-letter"><Swatch row={row} />{row.letter}</td>
                <td className="l cut mono"><bdi title={seriesText(row.line.labels)}>{seriesText(row.line.labels, telling.get(row.letter))}</bdi></td>
                {stats.map((by) => <td key={by} className={by === 'last' ? '' : 'ph'}>{figure(row.line[by])}</td>)}
              </tr>
            );
          })}
          <Gap height={after} />
        </tbody>
      </table>
    </div>
  );
}
