import uPlot from 'uplot';
import { duration } from '../domain/duration.ts';
import { cursorMoment } from '../domain/moment.ts';
import { heatLevel, type HeatGrid } from '../domain/heat.ts';
import type { Span } from '../domain/span.ts';
import { brushed, cursor, RIGHT, tzDate, watchBox, xAxis, yAxis } from './frame.ts';
import { ink, type Ink } from './ink.ts';
import { MarkLayer, type EventSource } from './marks.ts';
import { chartView } from './view.ts';

export const HEAT_HEIGHT = 220;
/** Room for the marks of events above the cells. */
const ABOVE = 26;

export interface HeatPlaces {
  box: HTMLElement;
  marks: HTMLElement;
  marksLabel: string;
}

export interface HeatWords {
  /** "100 ms to 250 ms: 12 attempts of 340", below the moment. */
  cell: (low: string, high: string, n: number, all: number) => string;
  gap: string;
  /** How a bound of a bucket is said; as a duration when left out. */
  bound?: (value: number | null | undefined) => string;
}

/** Attempts by moment and duration as cells on uPlot's canvas; the cursor and the brush are those of all charts. */
export class HeatChart {
  #plot: uPlot;
  #grid: HeatGrid;
  #window: Span;
  #words: HeatWords;
  #marks: MarkLayer;
  #events: EventSource;
  #tip = document.createElement('div');
  #unhook: (() => void)[];

  constructor({ box, marks, marksLabel }: HeatPlaces, grid: HeatGrid, window: Span, words: HeatWords, events: EventSource) {
    this.#grid = grid;
    this.#window = window;
    this.#words = words;
    this.#events = events;
    this.#marks = new MarkLayer(marks, marksLabel);
    this.#plot = new uPlot(this.#options(box.clientWidth), [grid.times, grid.times.map(() => null)], box);
    this.#tip.className = 'heat-tip';
    this.#tip.hidden = true;
    this.#plot.over.append(this.#tip);
    const leave = () => { this.#tip.hidden = true; };
    this.#plot.over.addEventListener('pointerleave', leave);
    const redraw = () => {
      this.#place();
      this.#plot.redraw(false, true);
    };
    globalThis.addEventListener('vigie:theme', redraw);
    this.#unhook = [
      watchBox(box, (width) => {
        if (width === this.#plot.width) return;
        this.#plot.setSize({ width, height: HEAT_HEIGHT });
        redraw();
      }, () => undefined),
      () => globalThis.removeEventListener('vigie:theme', redraw),
      events.watch(redraw),
      // A brush or a preset is seen at once; the cells of it come a moment later.
      chartView.watch(() => chartView.zoom && this.#look(chartView.zoom)),
    ];
    this.#look(window);
  }

  destroy(): void {
    for (const unhook of this.#unhook) unhook();
    this.#marks.destroy();
    this.#plot.destroy();
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas;
  }

  #look(window: Span): void {
    this.#window = window;
    this.#place();
    this.#plot.setScale('x', { min: window.from, max: window.to });
  }

  #place(): void {
    this.#marks.place(this.#plot, this.#events.events, this.#window);
  }

  #options(width: number): uPlot.Options {
    const { rows } = this.#grid;
    const say = this.#words.bound ?? duration;
    const edge = (at: number): string => say(at < rows.length ? rows[at]?.low : (rows.at(-1)?.high ?? null)).replace('–', '∞');
    const every = Math.max(1, Math.ceil(rows.length / 7));
    const edges = rows.map((_, i) => i).concat(rows.length).filter((i) => i % every === 0);
    return {
      width, height: HEAT_HEIGHT, padding: [ABOVE, RIGHT, 0, 0], legend: { show: false }, tzDate,
      scales: { x: { time: true, auto: false }, y: { range: () => [0, Math.max(1, rows.length)] } },
      series: [{}, { show: true, points: { show: false } }],
      axes: [xAxis(), { ...yAxis(edge), splits: () => edges, grid: { show: false } }],
      cursor: cursor(),
      hooks: {
        drawClear: [(plot) => this.#cells(plot)],
        setCursor: [(plot) => this.#hover(plot)],
        setSelect: [brushed],
        draw: [(plot) => this.#marks.draw(plot)],
      },
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

  #hover(plot: uPlot): void {
    const { left = -1, top = -1 } = plot.cursor;
    const isHere = plot.over.matches(':hover');
    const { times, step, rows, columns } = this.#grid;
    const c = Math.floor((plot.posToVal(left, 'x') - (times[0] ?? 0)) / step);
    const r = Math.floor(plot.posToVal(top, 'y'));
    const row = rows[r];
    const time = times[c];
    if (!isHere || left < 0 || !row || time === undefined) {
      this.#tip.hidden = true;
      return;
    }
    const column = columns[c];
    const all = column?.reduce((sum, n) => sum + n, 0) ?? 0;
    const span = this.#window.to - this.#window.from;
    const when = `${cursorMoment(time, span)} – ${cursorMoment(time + step, span)}`;
    const say = this.#words.bound ?? duration;
    const what = column ? this.#words.cell(say(row.low), row.high === null ? '∞' : say(row.high), column[r] ?? 0, all) : this.#words.gap;
    this.#tip.textContent = `${when}\n${what}`;
    this.#tip.hidden = false;
    const width = plot.over.clientWidth;
    this.#tip.style.translate = `${Math.min(left + 14, Math.max(0, width - this.#tip.offsetWidth - 4))}px ${top > 80 ? top - this.#tip.offsetHeight - 10 : top + 16}px`;
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
