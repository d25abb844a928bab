import { useEffect, useMemo, useRef } from 'react';
import type { HeatMap } from '../../api/stored.ts';
import { HeatChart } from '../../charts/heat-chart.ts';
import { heatGrid } from '../../domain/heat.ts';
import { secondOfDay } from '../../domain/moment.ts';
import type { Span } from '../../domain/span.ts';
import { figure } from '../../explore/figure.ts';
import { useSentence } from '../../i18n/index.ts';
import { eventFeed } from '../../live/event-feed.ts';

/** The native histograms of one query, moment by moment: darker is more. */
export function HeatArea(props: { heat: HeatMap; span: Span; letter: string; query: string }) {
  const t = useSentence();
  const { heat, span, letter, query } = props;
  const box = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  const grid = useMemo(() => heatGrid(heat), [heat]);
  const zone = secondOfDay(0);
  useEffect(() => {
    if (!box.current || !marks.current || grid.total === 0) return undefined;
    const words = {
      cell: (low: string, high: string, n: number, all: number) => t('explore.heatCell', { low, high, n: figure(n), all: figure(all) }), gap: t('explore.heatGap'), bound: figure,
    };
    const made = new HeatChart({ box: box.current, marks: marks.current, marksLabel: t('chart.marks', { chart: letter }) }, grid, span, words, eventFeed(null));
    return () => made.destroy();
  // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps -- the axes are built for a zone and a language
  }, [grid, span, zone, letter, t]);
  if (grid.total === 0) return null;
  return (
    <figure className="explore-heat">
      <figcaption><b>{letter}</b> <code>{query}</code> <span className="dim">{t('explore.heat')}</span></figcaption>
      <div className="chart-box"><div ref={box} className="heat-chart" role="img" aria-label={t('explore.heatLabel', { query, n: figure(grid.total) })} /><div className="marks" ref={marks} /></div>
    </figure>
  );
}
