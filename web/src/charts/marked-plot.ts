import uPlot from 'uplot';
import type { Span } from '../domain/span.ts';
import { brushed, cursor, RIGHT, tzDate, watchBox } from './frame.ts';
import { MarkLayer, type EventSource } from './marks.ts';
import { chartView } from './view.ts';

export interface PlotPlaces {
  box: HTMLElement;
  marks: HTMLElement;
  marksLabel: string;
}

/** What is its own of a chart. */
export interface PlotShape extends Pick<uPlot.Options, 'series' | 'axes' | 'focus' | 'hooks'> {
  height: number;
  above: number;
  y: uPlot.Scale;
  /** Further than that of all charts. */
  cursor?: uPlot.Cursor;
  /** Words at the cursor, which is on the chart; null where there is nothing to say. */
  words: (plot: uPlot, at: { left: number; top: number }) => string | null;
}

/** A chart on uPlot's canvas with the marks of events, words at the cursor, and the cursor and brush of all charts. */
export class MarkedPlot {
  readonly plot: uPlot;
  #span: Span;
  #marks: MarkLayer;
  #events: EventSource;
  #tip = document.createElement('div');
  #unhook: (() => void)[];

  constructor({ box, marks, marksLabel }: PlotPlaces, data: uPlot.AlignedData, span: Span, events: EventSource, shape: PlotShape) {
    this.#span = span;
    this.#events = events;
    this.#marks = new MarkLayer(marks, marksLabel);
    this.plot = new uPlot(this.#options(box.clientWidth, shape), data, box);
    this.#tip.className = 'heat-tip';
    this.#tip.hidden = true;
    this.plot.over.append(this.#tip);
    this.plot.over.addEventListener('pointerleave', () => { this.#tip.hidden = true; });
    const redraw = () => {
      this.#place();
      this.plot.redraw(false, true);
    };
    globalThis.addEventListener('vigie:theme', redraw);
    this.#unhook = [
      watchBox(box, (width) => {
        if (width === this.plot.width) return;
        this.plot.setSize({ width, height: shape.height });
        redraw();
      }, () => undefined),
      () => globalThis.removeEventListener('vigie:theme', redraw),
      events.watch(redraw),
      // A brush or a preset is seen at once; what is in it comes a moment later.
      chartView.watch(() => chartView.zoom && this.#look(chartView.zoom)),
    ];
    this.#look(span);
  }

  /** Seconds from edge to edge. */
  get seconds(): number {
    return this.#span.to - this.#span.from;
  }

  destroy(): void {
    for (const unhook of this.#unhook) unhook();
    this.#marks.destroy();
    this.plot.destroy();
  }

  #look(span: Span): void {
    this.#span = span;
    this.#place();
    this.plot.setScale('x', { min: span.from, max: span.to });
  }

  #place(): void {
    this.#marks.place(this.plot, this.#events.events, this.#span);
  }

  #options(width: number, shape: PlotShape): uPlot.Options {
    return {
      width, height: shape.height, padding: [shape.above, RIGHT, 0, 0], legend: { show: false }, tzDate,
      scales: { x: { time: true, auto: false }, y: shape.y },
      series: shape.series,
      axes: shape.axes ?? [],
      ...(shape.focus ? { focus: shape.focus } : {}),
      cursor: { ...cursor(), ...shape.cursor },
      hooks: {
        ...shape.hooks,
        setCursor: [(plot) => this.#hover(plot, shape.words)],
        setSelect: [brushed],
        draw: [(plot) => this.#marks.draw(plot)],
      },
    };
  }

  #hover(plot: uPlot, words: PlotShape['words']): void {
    const { left = -1, top = -1 } = plot.cursor;
    const text = left >= 0 && plot.over.matches(':hover') ? words(plot, { left, top }) : null;
    this.#tip.hidden = text === null;
    if (text === null) return;
    this.#tip.textContent = text;
    const most = Math.max(0, plot.over.clientWidth - this.#tip.offsetWidth - 4);
    this.#tip.style.translate = `${Math.min(left + 14, most)}px ${top > 100 ? top - this.#tip.offsetHeight - 12 : top + 18}px`;
  }
}
