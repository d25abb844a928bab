import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useSyncExternalStore, type ReactNode } from 'react';
import type { Column } from '../api/contract.ts';
import { secondOfDay } from '../domain/moment.ts';
import { useSentence, type Translate } from '../i18n/index.ts';
import { eventFeed } from '../live/event-feed.ts';
import { useFeed } from '../live/hooks.ts';
import { store } from '../live/session.ts';
import type { ViewFeed } from '../live/view-feed.ts';
import { Card, Fault, Menu, Skeleton } from '../ui/index.tsx';
import { TimeChart, type LineSpec } from './time-chart.ts';
import { chartView } from './view.ts';

interface ChartCardProps {
  title: string;
  small?: ReactNode;
  info: string;
  feed: ViewFeed;
  /** What the chart is built from; built anew when `id`, the language or the zone changes, never for data. */
  id: string;
  lines: LineSpec[];
  format: (value: number | null | undefined) => string;
  formatAxis?: (value: number) => string;
  leastTop: number;
  /** The queries behind the chart, where they are not simply those of its columns. */
  explore?: (query: (column: Column) => string) => string[];
  end?: ReactNode;
  foot?: ReactNode;
  className?: string;
}

/** Comes when somebody saves. */
const saving = () => import('./save.ts');
const watchView = (listener: () => void) => chartView.watch(listener);
const useComparison = () => useSyncExternalStore(watchView, () => chartView.comparison);

/** The queries of a chart's lines, each once; none when the server did not tell all of them. */
function queriesOf(props: ChartCardProps): string[] {
  const known = props.feed.queries;
  const columns = [...new Set(props.lines.flatMap((line) => line.columns))];
  if (!known || columns.some((column) => !known[column])) return [];
  const query = (column: Column) => known[column] ?? '';
  return props.explore ? props.explore(query) : columns.map(query);
}

function ExploreLink({ title, queries }: { title: string; queries: string[] }) {
  const t = useSentence();
  const words = t('chart.explore', { chart: title });
  return (
    <Link className="btn quiet" to="/explore" search={{ q: queries }} preload={false} aria-label={words} data-tip={words}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d="M5 3 1.5 7 5 11M9 3l3.5 4L9 11" fill="none" stroke="currentColor" strokeWidth="1.3" strokeLinecap="round" strokeLinejoin="round" /></svg>
    </Link>
  );
}

/** What keeps the chart from being of now, if anything. */
function Trouble({ feed, t }: { feed: ViewFeed; t: Translate }) {
  const { state, error, pastError } = useFeed(feed);
  return (
    <>
      {state === 'ready' && error !== null ? <span className="tag gap" data-tip={t('fault.history', { reason: error })}>{t('row.stale')}</span> : null}
      {pastError === null ? null : <span className="tag gap" data-tip={t('fault.history', { reason: pastError })}>{t('chart.noPast')}</span>}
    </>
  );
}

/** A card with a time chart, its legend, and its way out as PNG or CSV. */
export function ChartCard(props: ChartCardProps) {
  const t = useSentence();
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  const chart = useRef<TimeChart | null>(null);
  const comparison = useComparison();
  const { state, busy, error } = useFeed(props.feed);
  const { lines, format, leastTop, feed, id } = props;
  const formatAxis = props.formatAxis ?? format;
  const ready = state === 'ready';
  const identity = `${id}|${lines.map((line) => line.label).join('|')}|${secondOfDay(0)}|${comparison}`;
  const pastLabel = comparison ? (label: string) => t(`compare.${comparison}Of`, { line: label }) : null;
  useEffect(() => {
    if (!ready || !box.current || !legend.current || !marks.current) return undefined;
    const spec = { lines, format, formatAxis, leastTop, pastLabel, marksLabel: t('chart.marks', { chart: props.title }), empty: t('chart.empty') };
    const places = { box: box.current, legend: legend.current, marks: marks.current };
    const made = new TimeChart(places, spec, feed, eventFeed(feed.address), () => store.pausedAt !== null);
    chart.current = made;
    return () => made.destroy();
    // The spec is rebuilt at every render; `identity` says when it means something else.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [ready, feed, identity]);
  const saves = (
    <Menu label={t('chart.export', { chart: props.title })} face="⋯">
      {(close) => (
        <>
          <button type="button" onClick={async () => { close(); const { savePng } = await saving(); if (chart.current) savePng(chart.current.canvas(), props.title, `vigie-${id}`, chart.current.keys()); }}>{t('chart.png')}</button>
          <button type="button" onClick={async () => { close(); const { saveCsv } = await saving(); if (chart.current) saveCsv(chart.current.csv(), `vigie-${id}`); }}>{t('chart.csv')}</button>
        </>
      )}
    </Menu>
  );
  const queries = queriesOf(props);
  const end = <><Trouble feed={feed} t={t} />{props.end}{queries.length > 0 ? <ExploreLink title={props.title} queries={queries} /> : null}{saves}</>;
  return (
    <Card title={props.title} small={props.small} info={props.info} className={`${props.className ?? ''} ${busy ? 'busy' : ''}`} end={end}>
      {state === 'failed' ? <Fault text={t('fault.history', { reason: error })} retry={t('action.retry')} onRetry={feed.reload} /> : null}
      <div className="chart-box" hidden={state === 'failed'}>
        <div className="chart" ref={box} role="img" aria-busy={busy} aria-label={t('chart.label', { chart: props.title, lines: lines.map((line) => line.label).join(', ') })}>
          {state === 'loading' ? <Skeleton block /> : null}
        </div>
        <div className="marks" ref={marks} />
      </div>
      <div className="legend"><div className="legend-lines" ref={legend} />{props.foot}</div>
    </Card>
  );
}
