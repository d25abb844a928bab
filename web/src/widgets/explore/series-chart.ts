import uPlot from 'uplot';
import { brushed, cursor, RIGHT, tzDate, watchBox, xAxis, yAxis } from '../../charts/frame.ts';
import { ink } from '../../charts/ink.ts';
import { MarkLayer, type EventSource } from '../../charts/marks.ts';
import { chartView } from '../../charts/view.ts';
import { cursorMoment } from '../../domain/moment.ts';
import type { Span } from '../../domain/span.ts';
import { figure, figureTick } from '../../explore/figure.ts';
import { seriesText } from '../../explore/matrix.ts';
import type { Drawn } from './results.ts';

export const SERIES_HEIGHT = 320;
const FOCUS_PX = 24;
const TIP_CHARS = 220;
/** Beyond so many lines, each is thinner. */
const MANY = 40;
/** Beyond so many lines, the others do not step back: that would draw all of them anew with each move of the pointer. */
const MOST_DIMMED = 250;

/** Many series over time: the one nearest to the cursor is told, the others step back. */
export class SeriesChart {
  #plot: uPlot;
  #drawn: readonly Drawn[];
  #span: Span;
  #marks: MarkLayer;
  #events: EventSource;
  #tip = document.createElement('div');
  #focused: number | null = null;
  #unhook: (() => void)[];

  constructor(places: { box: HTMLElement; marks: HTMLElement; marksLabel: string }, times: number[], drawn: readonly Drawn[], span: Span, events: EventSource) {
    this.#drawn = drawn;
    this.#span = span;
    this.#events = events;
    this.#marks = new MarkLayer(places.marks, places.marksLabel);
    this.#plot = new uPlot(this.#options(places.box.clientWidth), [times, ...drawn.map(({ values }) => values)] as uPlot.AlignedData, places.box);
    this.#tip.className = 'heat-tip series-tip';
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
      watchBox(places.box, (width) => {
        if (width === this.#plot.width) return;
        this.#plot.setSize({ width, height: SERIES_HEIGHT });
        redraw();
      }, () => undefined),
      () => globalThis.removeEventListener('vigie:theme', redraw),
      events.watch(redraw),
      chartView.watch(() => chartView.zoom && this.#look(chartView.zoom)),
    ];
    this.#look(span);
  }

  destroy(): void {
    for (const unhook of this.#unhook) unhook();
    this.#marks.destroy();
    this.#plot.destroy();
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas;
  }

  /** Brings one series to the fore, as the table's row under the pointer does. */
  focus(index: number | null): void {
    this.#plot.setSeries(index === null ? null : index + 1, { focus: true }, false);
  }

  #look(span: Span): void {
    this.#span = span;
    this.#place();
    this.#plot.setScale('x', { min: span.from, max: span.to });
  }

  #place(): void {
    this.#marks.place(this.#plot, this.#events.events, this.#span);
  }

  #options(width: number): uPlot.Options {
    const thin = this.#drawn.length > MANY;
    return {
      width, height: SERIES_HEIGHT, padding: [10, RIGHT, 0, 0], legend: { show: false }, tzDate,
      scales: { x: { time: true, auto: false }, y: { range: yRange } },
      series: [{}, ...this.#drawn.map(({ ink: color, dash }) => ({
        stroke: () => ink(color), width: thin ? 1 : 1.5, dash, points: { show: (plot: uPlot, i: number) => isLone(plot.data[i]), size: 4, fill: () => ink(color) },
      }))],
      axes: [xAxis(), yAxis(figureTick)],
      focus: { alpha: this.#drawn.length > MOST_DIMMED ? 1 : 0.25 },
      cursor: { ...cursor(), points: { size: 6, one: true }, focus: { prox: FOCUS_PX } },
      hooks: {
        setSeries: [(_plot, index) => { this.#focused = index; }],
        setCursor: [(plot) => this.#hover(plot)],
        setSelect: [brushed],
        draw: [(plot) => this.#marks.draw(plot)],
      },
    };
  }

  #hover(plot: uPlot): void {
    const { left = -1, top = -1, idx } = plot.cursor;
    const drawn = this.#focused === null || this.#focused === undefined ? undefined : this.#drawn[this.#focused - 1];
    const time = typeof idx === 'number' ? plot.data[0][idx] : undefined;
    if (left < 0 || time === undefined || !drawn || !plot.over.matches(':hover')) {
      this.#tip.hidden = true;
      return;
    }
    const name = seriesText(drawn.line.labels);
    const shown = name.length > TIP_CHARS ? `${name.slice(0, TIP_CHARS)}…` : name;
    const value = typeof idx === 'number' ? drawn.values[idx] : null;
    this.#tip.textContent = `${cursorMoment(time, this.#span.to - this.#span.from)}  ${drawn.letter}  ${figure(value ?? null)}\n${shown}`;
    this.#tip.hidden = false;
    const most = Math.max(0, plot.over.clientWidth - this.#tip.offsetWidth - 4);
    this.#tip.style.translate = `${Math.min(left + 14, most)}px ${top > 110 ? top - this.#tip.offsetHeight - 12 : top + 18}px`;
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
