import { useEffect, useRef, type ReactNode } from 'react';
import { minuteOfDay, secondOfDay } from '../domain/moment.ts';
import { useSentence } from '../i18n/index.ts';
import type { HistoryFeed } from '../live/history.ts';
import { useFeedState } from '../live/hooks.ts';
import { clock, store } from '../live/session.ts';
import { Card, Fault, Menu, Skeleton } from '../ui/index.tsx';
import { saveCsv, savePng } from './save.ts';
import { TimeChart, type LineSpec } from './time-chart.ts';

export interface ChartCardProps {
  title: string;
  small?: ReactNode;
  info: string;
  feed: HistoryFeed;
  /** What the chart is built from; built anew when `id`, the language or the zone changes, never for data. */
  id: string;
  lines: LineSpec[];
  format: (value: number | null | undefined) => string;
  formatAxis?: (value: number) => string;
  leastTop: number;
  end?: ReactNode;
  foot?: ReactNode;
  className?: string;
}

/** A card with a time chart, its legend, and its way out as PNG or CSV. */
export function ChartCard(props: ChartCardProps) {
  const t = useSentence();
  const box = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const chart = useRef<TimeChart | null>(null);
  const state = useFeedState(props.feed);
  const { lines, format, leastTop, feed, id } = props;
  const formatAxis = props.formatAxis ?? format;
  const ready = state === 'ready';
  const identity = `${id}|${lines.map((line) => line.label).join('|')}|${secondOfDay(0)}`;
  useEffect(() => {
    if (!ready || !box.current || !legend.current) return undefined;
    const spec = { lines, format, formatAxis, leastTop, clock: secondOfDay, clockShort: minuteOfDay };
    const made = new TimeChart(box.current, legend.current, spec, feed, { now: () => store.pausedAt ?? clock.now(), isFrozen: () => store.pausedAt !== null });
    chart.current = made;
    return () => made.destroy();
    // The spec is rebuilt at every render; `identity` says when it means something else.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [ready, feed, identity]);
  const saves = (
    <Menu label={t('chart.export', { chart: props.title })} face="⋯">
      {(close) => (
        <>
          <button type="button" onClick={() => { close(); if (chart.current) savePng(chart.current.canvas(), props.title, `vigie-${id}`); }}>{t('chart.png')}</button>
          <button type="button" onClick={() => { close(); if (chart.current) saveCsv(chart.current.csv(), `vigie-${id}`); }}>{t('chart.csv')}</button>
        </>
      )}
    </Menu>
  );
  return (
    <Card title={props.title} small={props.small} info={props.info} className={props.className ?? ''} end={<>{props.end}{saves}</>}>
      {state === 'failed' ? <Fault text={t('fault.history', { reason: feed.error })} retry={t('action.retry')} onRetry={feed.reload} /> : null}
      <div className="chart" ref={box} role="img" aria-label={t('chart.label', { chart: props.title, lines: lines.map((line) => line.label).join(', ') })}>
        {state === 'loading' ? <Skeleton block /> : null}
      </div>
      <div className="legend"><div className="legend-lines" ref={legend} />{props.foot}</div>
    </Card>
  );
}
