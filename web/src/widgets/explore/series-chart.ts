import type uPlot from 'uplot';
import { xAxis, yAxis } from '../../charts/frame.ts';
import { ink } from '../../charts/ink.ts';
import { MarkedPlot, type PlotPlaces, type PlotShape } from '../../charts/marked-plot.ts';
import type { EventSource } from '../../charts/marks.ts';
import { cursorMoment } from '../../domain/moment.ts';
import type { Span } from '../../domain/span.ts';
import { figure, figureTick } from '../../explore/figure.ts';
import { seriesText } from '../../explore/matrix.ts';
import type { Drawn } from './results.ts';

const SERIES_HEIGHT = 320;
const FOCUS_PX = 24;
const TIP_CHARS = 220;
/** Beyond so many lines, each is thinner. */
const MANY = 40;
/** Beyond so many lines, the others do not step back: that would draw all of them anew with each move of the pointer. */
const MOST_DIMMED = 250;

/** Many series over time: the one nearest to the cursor is told, the others step back. */
export class SeriesChart {
  #plot: MarkedPlot;
  #drawn: readonly Drawn[];
  #focused: number | null = null;

  constructor(places: PlotPlaces, times: number[], drawn: readonly Drawn[], span: Span, events: EventSource) {
    this.#drawn = drawn;
    this.#plot = new MarkedPlot(places, [times, ...drawn.map(({ values }) => values)] as uPlot.AlignedData, span, events, this.#shape());
  }

  destroy(): void {
    this.#plot.destroy();
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.plot.ctx.canvas;
  }

  /** Brings one series to the fore, as the table's row under the pointer does. */
  focus(index: number | null): void {
    this.#plot.plot.setSeries(index === null ? null : index + 1, { focus: true }, false);
  }

  #shape(): PlotShape {
    const thin = this.#drawn.length > MANY;
    return {
      height: SERIES_HEIGHT, above: 10, y: { range: yRange },
      series: [{}, ...this.#drawn.map(({ ink: color, dash }) => ({
        stroke: () => ink(color), width: thin ? 1 : 1.5, dash, points: { show: (plot: uPlot, i: number) => isLone(plot.data[i]), size: 4, fill: () => ink(color) },
      }))],
      axes: [xAxis(), yAxis(figureTick)],
      focus: { alpha: this.#drawn.length > MOST_DIMMED ? 1 : 0.25 },
      cursor: { points: { size: 6, one: true }, focus: { prox: FOCUS_PX } },
      hooks: { setSeries: [(_plot, index) => { this.#focused = index; }] },
      words: (plot) => this.#nearest(plot),
    };
  }

  #nearest({ cursor: { idx }, data }: uPlot): string | null {
    const drawn = typeof this.#focused === 'number' ? this.#drawn[this.#focused - 1] : undefined;
    const time = typeof idx === 'number' ? data[0][idx] : undefined;
    if (typeof idx !== 'number' || time === undefined || !drawn) return null;
    const name = seriesText(drawn.line.labels);
    const shown = name.length > TIP_CHARS ? `${name.slice(0, TIP_CHARS)}…` : name;
    return `${cursorMoment(time, this.#plot.seconds)}  ${drawn.letter}  ${figure(drawn.values[idx] ?? null)}\n${shown}`;
  }
}

/** From 0 where 0 is near, so that the height of a line means something; else close around the lines. */
function yRange(_plot: uPlot, low: number | null, high: number | null): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  if (low >= 0 && low <= high * 0.6) return [0, high === 0 ? 1 : high * 1.06];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

/** One value alone is no line. */
function isLone(values: ArrayLike<number | null | undefined> = []): boolean {
  let n = 0;
  for (let i = 0; i < values.length && n < 2; i += 1) if (typeof values[i] === 'number') n += 1;
  return n === 1;
}
