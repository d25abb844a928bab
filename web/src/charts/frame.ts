import uPlot from 'uplot';
import { axisMoment, timeZone } from '../domain/moment.ts';
import { brushedSpan } from '../domain/span.ts';
import { ink } from './ink.ts';
import { chartView } from './view.ts';

/** What every chart has in common: one cursor for all, a brush that zooms all, a double click that goes back. */
export const CHART_HEIGHT = 150;
/** Half a label of the axis: the last one stands under the end of the chart. */
export const RIGHT = 16;
const SYNC_KEY = 'vigie';
const LEAST_BRUSH_PX = 6;
const AXIS_FONT = '10.5px system-ui, sans-serif';

export function cursor(): uPlot.Cursor {
  return {
    sync: { key: SYNC_KEY, setSeries: false, scales: ['x', null] },
    drag: { x: true, y: false, setScale: false, dist: LEAST_BRUSH_PX },
    points: { size: 5 },
    y: false,
    bind: { dblclick: () => () => { chartView.back(); return null; } },
  };
}

/** Asks for what was brushed. Only the chart under the hand asks: the cursor of the others follows, without a brush. */
export function brushed(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < LEAST_BRUSH_PX) return;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  const span = brushedSpan(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
  if (span) chartView.brush(span);
}

/** Days and hours begin where they begin in the zone on the screen. */
export const tzDate = (seconds: number): Date =>
  timeZone() === 'UTC' ? uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC') : new Date(seconds * 1_000);

export const xAxis = (): uPlot.Axis => ({
  stroke: () => ink('ink-3'), font: AXIS_FONT, size: 22, gap: 4, space: 74,
  grid: { show: false }, ticks: { show: false }, border: { show: false },
  values: (_plot, splits, _index, _space, step) => splits.map((at) => axisMoment(at, step)),
});

export const yAxis = (format: (value: number) => string): uPlot.Axis => ({
  stroke: () => ink('ink-3'), font: AXIS_FONT, gap: 4, space: 38,
  size: (_plot, values) => 12 + 6.2 * Math.max(2, ...(values ?? []).map((text) => text.length)),
  grid: { stroke: () => ink('line-soft'), width: 1 }, ticks: { show: false }, border: { show: false },
  values: (_plot, splits) => splits.map(format),
});

/** Watches the size of a box and whether it is in sight; returns the way to stop. */
export function watchBox(box: HTMLElement, resized: (width: number) => void, seen: (isOnScreen: boolean) => void): () => void {
  const sizes = new ResizeObserver(() => box.clientWidth > 0 && resized(box.clientWidth));
  sizes.observe(box);
  const sight = new IntersectionObserver((entries) => seen(entries.some((entry) => entry.isIntersecting)), { rootMargin: '80px' });
  sight.observe(box);
  return () => {
    sizes.disconnect();
    sight.disconnect();
  };
}
