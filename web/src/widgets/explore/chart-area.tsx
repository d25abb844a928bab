import { useEffect, useImperativeHandle, useMemo, useRef, type Ref } from 'react';
import { secondOfDay } from '../../domain/moment.ts';
import type { Span } from '../../domain/span.ts';
import { useSentence } from '../../i18n/index.ts';
import { eventFeed } from '../../live/event-feed.ts';
import type { Grid } from '../../explore/matrix.ts';
import type { Drawn, Listed } from './results.ts';
import { SeriesChart } from './series-chart.ts';

export interface ChartHandle {
  canvas: () => HTMLCanvasElement | undefined;
  focus: (row: Listed | null) => void;
}

/** The drawn series over the moments of the finest grid. */
export function ChartArea(props: { drawn: readonly Drawn[]; base: Grid; span: Span; handle: Ref<ChartHandle> }) {
  const t = useSentence();
  const { drawn, base, span } = props;
  const box = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  const chart = useRef<SeriesChart | null>(null);
  const times = useMemo(() => Array.from({ length: base.length }, (_, i) => base.start + i * base.step), [base]);
  const zone = secondOfDay(0);
  useEffect(() => {
    if (!box.current || !marks.current) return undefined;
    const places = { box: box.current, marks: marks.current, marksLabel: t('chart.marks', { chart: t('page.explore') }) };
    const made = new SeriesChart(places, times, drawn, span, eventFeed(null));
    chart.current = made;
    return () => {
      chart.current = null;
      made.destroy();
    };
  // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps -- the axes are built for a zone and a language
  }, [times, drawn, span, zone, t]);
  useImperativeHandle(props.handle, () => ({
    canvas: () => chart.current?.canvas(),
    focus: (row) => {
      const at = row ? drawn.findIndex(({ line }) => line === row.line) : -1;
      chart.current?.focus(at < 0 ? null : at);
    },
  }), [drawn]);
  return (
    <div className="chart-box">
      <div className="series-chart" ref={box} role="img" aria-label={t('explore.chartLabel', { n: drawn.length })} />
      <div className="marks" ref={marks} />
    </div>
  );
}
