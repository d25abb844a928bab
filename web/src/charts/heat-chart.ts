import type uPlot from 'uplot';
import { duration } from '../domain/duration.ts';
import { cursorMoment } from '../domain/moment.ts';
import { heatLevel, type HeatGrid } from '../domain/heat.ts';
import type { Span } from '../domain/span.ts';
import { xAxis, yAxis } from './frame.ts';
import { ink, type Ink } from './ink.ts';
import { MarkedPlot, type PlotPlaces, type PlotShape } from './marked-plot.ts';
import type { EventSource } from './marks.ts';

const HEAT_HEIGHT = 220;
/** Room for the marks of events above the cells. */
const ABOVE = 26;

interface HeatWords {
  /** "100 ms to 250 ms: 12 attempts of 340", below the moment. */
  cell: (low: string, high: string, n: number, all: number) => string;
  gap: string;
  /** How a bound of a bucket is said; as a duration when left out. */
  bound?: (value: number | null | undefined) => string;
}

/** Attempts by moment and duration as cells. */
export class HeatChart {
  #plot: MarkedPlot;
  #grid: HeatGrid;
  #words: HeatWords;

  constructor(places: PlotPlaces, grid: HeatGrid, window: Span, words: HeatWords, events: EventSource) {
    this.#grid = grid;
    this.#words = words;
    this.#plot = new MarkedPlot(places, [grid.times, grid.times.map(() => null)], window, events, this.#shape());
  }

  destroy(): void {
    this.#plot.destroy();
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.plot.ctx.canvas;
  }

  #say(value: number | null | undefined): string {
    return (this.#words.bound ?? duration)(value);
  }

  #shape(): PlotShape {
    const { rows } = this.#grid;
    const edge = (at: number): string => this.#say(at < rows.length ? rows[at]?.low : (rows.at(-1)?.high ?? null)).replace('–', '∞');
    const every = Math.max(1, Math.ceil(rows.length / 7));
    const edges = rows.map((_, i) => i).concat(rows.length).filter((i) => i % every === 0);
    return {
      height: HEAT_HEIGHT, above: ABOVE, y: { range: () => [0, Math.max(1, rows.length)] },
      series: [{}, { show: true, points: { show: false } }],
      axes: [xAxis(), { ...yAxis(edge), splits: () => edges, grid: { show: false } }],
      hooks: { drawClear: [(plot) => this.#cells(plot)] },
      words: (plot, at) => this.#cell(plot, at),
    };
  }

  #cells(plot: uPlot): void {
    const { times, step, columns, rows, peak } = this.#grid;
    const pen = plot.ctx;
    const { left, top, width, height } = plot.bbox;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    const rowHeight = height / Math.max(1, rows.length);
    columns.forEach((column, c) => {
      const time = times[c] ?? 0;
      const from = Math.round(plot.valToPos(time, 'x', true));
      const to = Math.round(plot.valToPos(time + step, 'x', true));
      if (to < left || from > left + width) return;
      if (column === null) {
        hatch(pen, from, to, top, height);
        return;
      }
      column.forEach((n, r) => {
        const level = heatLevel(n, peak);
        if (level === 0) return;
        pen.fillStyle = ink(`heat-${level}` as Ink);
        const high = Math.round(top + height - (r + 1) * rowHeight);
        const low = Math.round(top + height - r * rowHeight);
        pen.fillRect(from, high, Math.max(1, to - from - (to - from > 4 ? 1 : 0)), low - high - 1);
      });
    });
    pen.restore();
  }

  #cell(plot: uPlot, at: { left: number; top: number }): string | null {
    const { times, step, rows, columns } = this.#grid;
    const c = Math.floor((plot.posToVal(at.left, 'x') - (times[0] ?? 0)) / step);
    const r = Math.floor(plot.posToVal(at.top, 'y'));
    const row = rows[r];
    const time = times[c];
    if (!row || time === undefined) return null;
    const column = columns[c];
    const all = column?.reduce((sum, n) => sum + n, 0) ?? 0;
    const span = this.#plot.seconds;
    const when = `${cursorMoment(time, span)} – ${cursorMoment(time + step, span)}`;
    const what = column ? this.#words.cell(this.#say(row.low), row.high === null ? '∞' : this.#say(row.high), column[r] ?? 0, all) : this.#words.gap;
    return `${when}\n${what}`;
  }
}

/** Nobody looked: hatched, so that it is not taken for nothing. */
function hatch(pen: CanvasRenderingContext2D, from: number, to: number, top: number, height: number): void {
  pen.save();
  pen.beginPath();
  pen.rect(from, top, to - from, height);
  pen.clip();
  pen.strokeStyle = ink('line');
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  const gap = 6 * devicePixelRatio;
  // The lines begin at places of the canvas, not of the cell, so that they run on from one cell into the next.
  for (let at = Math.floor((from - height) / gap) * gap; at < to; at += gap) {
    pen.moveTo(at, top + height);
    pen.lineTo(at + height, top);
  }
  pen.stroke();
  pen.restore();
}
