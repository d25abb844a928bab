import { useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { fetchHeatMap } from '../../api/stored.ts';
import type { QueueAddress } from '../../api/client.ts';
import { csvOf } from '../../charts/csv.ts';
import { HeatChart } from '../../charts/heat-chart.ts';
import { saveCsv, savePng } from '../../charts/save.ts';
import { useWindow } from '../../charts/use-window.ts';
import { durationTick } from '../../domain/duration.ts';
import { heatGrid, heatSummary, levelTops, type HeatGrid } from '../../domain/heat.ts';
import { cursorMoment, secondOfDay } from '../../domain/moment.ts';
import { count, percent } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import type { Span } from '../../domain/span.ts';
import { useSentence } from '../../i18n/index.ts';
import { eventFeed } from '../../live/event-feed.ts';
import { Card, Fault, Menu, ScrollX, Segmented, Skeleton } from '../../ui/index.tsx';

const POINTS = 120;
type Figure = 'wait' | 'run';

/** The heat map of what the page looks at. */
function useHeatMap(address: QueueAddress, figure: Figure, type: string | undefined) {
  const ask = async (window: Span, signal: AbortSignal) => {
    const map = await fetchHeatMap(address, { figure, type }, { ...window, points: POINTS }, signal);
    return { grid: heatGrid(map), step: map.step_seconds };
  };
  const { answer, ...rest } = useWindow(JSON.stringify([address, figure, type ?? null]), ask, ({ step }) => step);
  return { grid: answer?.grid ?? null, ...rest };
}

const rowText = (row: { low: number; high: number | null }): [string, string] => [durationTick(row.low), row.high === null ? '∞' : durationTick(row.high)];

/** The map without colours: for a reader, for the keyboard, for a phone. */
function HeatTable({ grid, window }: { grid: HeatGrid; window: Span }) {
  const t = useSentence();
  return (
    <ScrollX label={t('heat.table')}>
      <table className="heat-table">
        <thead><tr>{(['duration', 'attempts', 'share', 'worst'] as const).map((name) => <th key={name} scope="col">{t(`heat.col.${name}`)}</th>)}</tr></thead>
        <tbody>
          {heatSummary(grid).map(({ row, total, share, peak, peakAt }) => {
            const [low, high] = rowText(row);
            return (
              <tr key={row.low}>
                <th scope="row">{t('heat.range', { low, high })}</th><td>{count(total)}</td><td>{percent(share)}</td>
                <td>{peakAt === null ? '–' : t('heat.worst', { n: count(peak), at: cursorMoment(peakAt, window.to - window.from) })}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollX>
  );
}

function Scale({ peak }: { peak: number }) {
  const t = useSentence();
  const tops = levelTops(peak);
  return (
    <span className="heat-scale" role="img" aria-label={t('heat.scale', { n: count(peak) })}>
      {tops.map(({ level, top }) => <span key={level}><i className={`h-${level}`} />{top === 1 ? '1' : `≤ ${count(top)}`}</span>)}
    </span>
  );
}

const csv = (grid: HeatGrid, window: Span): string =>
  csvOf(grid.times, grid.rows.map((row, r) => ({ label: rowText(row).join(' – '), values: grid.columns.map((column) => column?.[r] ?? null) })), window);

function Saves(props: { title: string; name: string; canvas: () => HTMLCanvasElement | undefined; grid: HeatGrid; window: Span }) {
  const t = useSentence();
  return (
    <Menu label={t('chart.export', { chart: props.title })} face="⋯">
      {(close) => (
        <>
          <button type="button" onClick={() => { close(); const canvas = props.canvas(); if (canvas) savePng(canvas, props.title, props.name); }}>{t('chart.png')}</button>
          <button type="button" onClick={() => { close(); saveCsv(csv(props.grid, props.window), props.name); }}>{t('chart.csv')}</button>
        </>
      )}
    </Menu>
  );
}

/** Where the time goes, moment by moment: each cell is how many attempts took so long then. */
export function HeatCard({ address, types }: { address: QueueAddress; types: string[] }) {
  const t = useSentence();
  const { heat, type } = useSearch({ from: '/queues/$source/$kind/$queue' });
  const navigate = useNavigate({ from: '/queues/$source/$kind/$queue' });
  const figure: Figure = heat ?? 'wait';
  const [asTable, setAsTable] = useState(false);
  const { grid, window, error, busy, reload } = useHeatMap(address, figure, type);
  const box = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  const chart = useRef<HeatChart | null>(null);
  const title = t(`heat.${figure}`);
  const isEmpty = grid !== null && grid.total === 0;
  const drawn = grid !== null && !isEmpty && !asTable;
  const zone = secondOfDay(0);
  const words = useMemo(() => ({
    cell: (low: string, high: string, n: number, all: number) => t('heat.cell', { low, high, n, all: count(all) }), gap: t('heat.gap'),
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- the zone tells the language too
  }), [t, zone]);
  useEffect(() => {
    if (!drawn || !box.current || !marks.current) return undefined;
    const made = new HeatChart({ box: box.current, marks: marks.current, marksLabel: t('chart.marks', { chart: title }) }, grid, window, words, eventFeed(address));
    chart.current = made;
    return () => made.destroy();
  // oxlint-disable-next-line react-hooks/exhaustive-deps -- the words tell the language too; a queue's page is of one address
  }, [drawn, grid, window, words]);
  const set = (change: { heat?: 'run' | undefined; type?: string | undefined }) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const known = type !== undefined && !types.includes(type) ? [type, ...types] : types;
  const end = (
    <>
      {grid && error !== null ? <span className="tag gap" data-tip={t('fault.heat', { reason: error })}>{t('row.stale')}</span> : null}
      {grid ? <Saves title={title} name={`vigie-heat-${figure}`} canvas={() => chart.current?.canvas()} grid={grid} window={window} /> : null}
    </>
  );
  return (
    <Card className={`s12 heat-card ${busy && grid ? 'busy' : ''}`} title={title} small={grid ? t('heat.small', { n: grid.total, all: count(grid.total) }) : ''} info={t('heat.info')} end={end}>
      <div className="heat-tools">
        <Segmented label={t('heat.figure')} value={figure} onChange={(value) => set({ heat: value === 'run' ? 'run' : undefined })} options={[{ value: 'wait', label: t('types.wait') }, { value: 'run', label: t('types.run') }]} />
        <label><span className="sr">{t('types.type')}</span>
          <select className="field" value={type ?? ''} onChange={(event) => set({ type: event.target.value || undefined })}>
            <option value="">{t('heat.allTypes')}</option>
            {known.map((name) => <option key={name} value={name}>{showName(name)}</option>)}
          </select>
        </label>
        <Segmented label={t('heat.view')} value={asTable ? 'table' : 'map'} onChange={(value) => setAsTable(value === 'table')} options={[{ value: 'map', label: t('heat.asMap') }, { value: 'table', label: t('heat.asTable') }]} />
      </div>
      {!grid && error !== null ? <Fault text={t('fault.heat', { reason: error })} retry={t('action.retry')} onRetry={reload} /> : null}
      {!grid && error === null ? <div className="heat"><Skeleton block /></div> : null}
      {isEmpty ? <div className="heat empty">{t('heat.none')}</div> : null}
      {drawn ? <div className="chart-box"><div className="heat" ref={box} role="img" aria-label={t('heat.label', { chart: title, n: count(grid.total) })} /><div className="marks" ref={marks} /></div> : null}
      {grid && !isEmpty && asTable ? <HeatTable grid={grid} window={window} /> : null}
      {drawn ? <div className="legend"><Scale peak={grid.peak} /><span className="dim"><i className="h-gap" />{t('heat.gap')}</span></div> : null}
    </Card>
  );
}
