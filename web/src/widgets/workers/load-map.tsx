import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { EventMarks } from '../../charts/event-marks.tsx';
import { TimeAxis } from '../../charts/time-axis.tsx';
import { useWindow } from '../../charts/use-window.ts';
import { cursorMoment } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { count, rate } from '../../domain/quantity.ts';
import type { Rows, Worker } from '../../api/contract.ts';
import type { components } from '../../api/generated/schema.d.ts';
import { getJson } from '../../api/client.ts';
import type { Span } from '../../domain/span.ts';
import { ask } from '../../explore/asking.ts';
import { endOf, gridFor, type Grid } from '../../explore/matrix.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive } from '../../live/hooks.ts';
import { Card, Fault, Skeleton } from '../../ui/index.tsx';
import { cellSpan, loadRows, workerLabel, type LoadCell, type LoadRow } from './load.ts';
import './load-map.css';

const POINTS = 120;
const SHOWN_AT_FIRST = 12;
/** Shorter than this a step may lie between two samples. */
const LEAST_WINDOW_SECONDS = 10;

type StorageAnswer = components['schemas']['Storage'];

interface Loads {
  rows: LoadRow[];
  grid: Grid;
}

/** A query of the map. Copies of its series, and those of another Vigie, are not meant. */
const queryOf = (figure: 'busy' | 'capacity', own: Record<string, string>, window: number): string => {
  const matchers = Object.entries(own).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `avg_over_time(vigie_worker_${figure}{${matchers.join(',')}}[${window}s])`;
};

async function fetchLoad(span: Span, signal: AbortSignal): Promise<Loads> {
  const window = Math.max(LEAST_WINDOW_SECONDS, gridFor(span, POINTS).step);
  const { own_labels: own } = await getJson<StorageAnswer>('/api/v1/storage', {}, signal);
  const question = (figure: 'busy' | 'capacity') => ({ query: queryOf(figure, own ?? {}, window), kind: 'range' as const, span, points: POINTS });
  const [busy, capacity] = await Promise.all([ask(question('busy'), signal), ask(question('capacity'), signal)]);
  return { rows: loadRows(busy.answer.lines, capacity.answer.lines), grid: busy.answer.grid };
}

/** The name that its row in the table has, and what it works on; of one that is gone, what the series call it. */
function RowName({ row }: { row: LoadRow }) {
  const worker = useLive<Rows<Worker>, Worker | undefined>('workers', (doc) => doc?.rows[row.worker]);
  const name = worker?.name ?? workerLabel(row);
  return <><Link className="q" to="/workers" search={{ q: name }} preload={false}><bdi className="name">{showName(name)}</bdi></Link><span className="src">{worker?.queues.map(showName).join(', ')}</span></>;
}

/** Slots in use: whole ones as such. */
const shownBusy = (busy: number): string => (Number.isInteger(busy) ? count(busy) : rate(busy));

function Strip({ row, grid }: { row: LoadRow; grid: Grid }) {
  const t = useSentence();
  const seconds = endOf(grid) - grid.start;
  const tip = (cell: LoadCell): string => {
    const [from, to] = cellSpan(grid, cell);
    const busy = shownBusy(cell.busy);
    const what = row.capacity === null ? t('loadMap.inHand', { busy }) : t('loadMap.ofSlots', { busy, capacity: row.capacity });
    return `${cursorMoment(from, seconds)} – ${cursorMoment(to, seconds)}\n${what}`;
  };
  return (
    <svg className="strip-map" viewBox={`0 0 ${grid.length} 1`} preserveAspectRatio="none" aria-hidden="true">
      {row.cells.map((cell) => <rect key={cell.first} className={`l-${cell.level}`} x={cell.first} y={0} width={cell.steps} height={1} data-tip={tip(cell)} />)}
    </svg>
  );
}

/** How many of its slots it used over the whole stretch, for those who do not see the colours. */
function Mean({ row }: { row: LoadRow }) {
  const t = useSentence();
  const steps = row.cells.reduce((sum, cell) => sum + cell.steps, 0);
  const busy = shownBusy(row.cells.reduce((sum, cell) => sum + cell.busy * cell.steps, 0) / steps);
  return <span data-tip={t('loadMap.meanTip')}>{row.capacity === null ? busy : `${busy}/${row.capacity}`}</span>;
}

/** Before the first answer. */
const NONE = { rows: null, grid: { start: 0, step: 1, length: 1 } };
const stepOf = ({ grid }: Loads): number => grid.step;

/** Who carried how much and when: a strip a worker, the busiest first. */
export function LoadMapCard() {
  const t = useSentence();
  const { answer, error, busy, reload } = useWindow('load', fetchLoad, stepOf);
  const { rows, grid } = answer ?? NONE;
  const [all, setAll] = useState(false);
  const shown = all ? (rows ?? []) : (rows ?? []).slice(0, SHOWN_AT_FIRST);
  const rest = (rows?.length ?? 0) - shown.length;
  return (
    <Card className={`s12 load-map ${busy && rows ? 'busy' : ''}`} title={t('loadMap.title')} small={t('loadMap.small')} info={t('loadMap.info')}
      end={rows && error !== null ? <span className="tag gap" data-tip={t('fault.history', { reason: error })}>{t('row.stale')}</span> : null}>
      {!rows && error !== null ? <Fault text={t('fault.history', { reason: error })} retry={t('action.retry')} onRetry={reload} /> : null}
      {!rows && error === null ? <div className="strips-pending"><Skeleton block /></div> : null}
      {rows && rows.length > 0 ? (
        <>
          <div className="strip-axis strip-marks"><div><EventMarks span={{ from: grid.start, to: endOf(grid) }} pad={0} of={t('loadMap.title')} /></div></div>
          <table className="strips">
            <colgroup><col className="c-who" /><col /><col className="c-mean" /></colgroup>
            <thead className="sr"><tr><th scope="col">{t('worker.col.name')}</th><th scope="col">{t('loadMap.title')}</th><th scope="col">{t('stat.avg')}</th></tr></thead>
            <tbody>
              {shown.map((row) => (
                <tr key={`${row.source} ${row.kind} ${row.worker}`}>
                  <th scope="row"><RowName row={row} /></th>
                  <td><Strip row={row} grid={grid} /></td>
                  <td><Mean row={row} /></td>
                </tr>
              ))}
            </tbody>
          </table>
          <div className="strip-axis"><TimeAxis span={{ from: grid.start, to: endOf(grid) }} /></div>
          <div className="legend">
            <span className="heat-scale" role="img" aria-label={t('loadMap.scale')}><span><i className="l-0" />{t('worker.resting')}</span><span><i className="h-1" /><i className="h-3" /><i className="h-6" />{t('loadMap.full')}</span></span>
            <span className="dim">{t('loadMap.gap')}</span>
            {rest > 0 ? <button type="button" className="btn quiet" onClick={() => setAll(true)}>{t('load.more', { n: rest })}</button> : null}
          </div>
        </>
      ) : null}
      {rows && rows.length === 0 ? <p className="empty">{t('loadMap.none')}</p> : null}
    </Card>
  );
}
