import uPlot from 'uplot';
import type { Column } from '../api/contract.ts';
import { cursorMoment } from '../domain/moment.ts';
import type { Span } from '../domain/span.ts';
import { pastAt, type Past, type Track } from '../live/track.ts';
import { brushed, CHART_HEIGHT, cursor, RIGHT, tzDate, watchBox, xAxis, yAxis } from './frame.ts';
import { ink, type Ink } from './ink.ts';
import type { Key } from './save.ts';
import { MarkLayer, type EventSource } from './marks.ts';
import { csvOf, type CsvColumn } from './csv.ts';
import { chartView } from './view.ts';

const PAST_DASH = [1, 2];

export interface LineSpec {
  label: string;
  /** One value a point; null is a gap. */
  read: (track: Track) => (number | null)[];
  ink: Ink;
  fill?: boolean;
  stepped?: boolean;
  dash?: number[];
  width?: number;
  /** What the line is made of, for the way to its query. */
  columns: Column[];
  /** Drawn a second time, thinly, for the day or the week before. */
  compared?: boolean;
}

interface ChartSpec {
  lines: LineSpec[];
  /** A value with its unit, for the axis and the legend. */
  format: (value: number | null | undefined) => string;
  /** The same for the axis, where round figures need no places. */
  formatAxis: (value: number) => string;
  /** The smallest top of the scale, so that noise around 0 does not fill the chart. */
  leastTop: number;
  /** "in, yesterday": the label of a line's twin; null while nothing is compared. */
  pastLabel: ((label: string) => string) | null;
  marksLabel: string;
  /** What stands in a chart without any figure. */
  empty: string;
}

interface TimeSource {
  track: Track;
  past: Past | null;
  window: () => Span;
  watch: (listener: () => void) => () => void;
}

interface ChartPlaces {
  box: HTMLElement;
  legend: HTMLElement;
  marks: HTMLElement;
}

/** A time chart of its own making: it owns the canvas and the legend, and takes its data past React. */
export class TimeChart {
  #plot: uPlot;
  #spec: ChartSpec;
  #source: TimeSource;
  #events: EventSource;
  #marks: MarkLayer;
  #box: HTMLElement;
  #legend: HTMLElement[] = [];
  #unhook: (() => void)[] = [];
  #onScreen = true;
  #dirty = false;
  #isFrozen: () => boolean;

  constructor(places: ChartPlaces, spec: ChartSpec, source: TimeSource, events: EventSource, isFrozen: () => boolean) {
    this.#spec = spec;
    this.#source = source;
    this.#events = events;
    this.#isFrozen = isFrozen;
    this.#box = places.box;
    this.#buildLegend(places.legend);
    this.#marks = new MarkLayer(places.marks, spec.marksLabel);
    this.#plot = new uPlot(this.#options(places.box.clientWidth), this.#data(), places.box);
    const themed = () => this.draw(true);
    window.addEventListener('vigie:theme', themed);
    this.#unhook = [
      watchBox(places.box, (width) => this.#resize(width), (seen) => this.#seen(seen)),
      () => window.removeEventListener('vigie:theme', themed),
      source.watch(() => this.draw(false)),
      events.watch(() => this.draw(true)),
      chartView.watch(() => this.draw(true)),
    ];
    this.draw(true);
  }

  destroy(): void {
    for (const unhook of this.#unhook) unhook();
    this.#marks.destroy();
    this.#plot.destroy();
  }

  /** Takes the newest data; `always` draws even while the screen is frozen (theme, zoom and range still work then). */
  draw(always: boolean): void {
    if (!always && this.#isFrozen() && chartView.zoom === null) return;
    if (!this.#onScreen) {
      this.#dirty = true;
      return;
    }
    const { from, to } = this.#source.window();
    this.#marks.place(this.#plot, this.#events.events, { from, to });
    const data = this.#data();
    this.#sayEmpty(data, { from, to });
    this.#plot.batch(() => {
      this.#plot.setData(data, false);
      this.#plot.setScale('x', { min: from, max: to });
    });
    this.#writeLegend(this.#plot.cursor.idx ?? null);
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas;
  }

  /** What each line is, for a picture that has no legend beside it. */
  keys(): Key[] {
    return this.#lines().map(({ label, spec, isPast }) => ({ label, ink: spec.ink, dash: spec.dash ?? (isPast ? PAST_DASH : []) }));
  }

  csv(): string {
    const [times = [], ...values] = this.#data() as (number | null)[][];
    const columns: CsvColumn[] = this.#lines().map(({ label }, i) => ({ label, values: values[i] ?? [] }));
    return csvOf(times as number[], columns, this.#source.window());
  }

  /** Each line that is drawn, the twins of then after those of now. */
  #lines(): { label: string; spec: LineSpec; isPast: boolean }[] {
    const { lines, pastLabel } = this.#spec;
    const now = lines.map((spec) => ({ label: spec.label, spec, isPast: false }));
    const then = pastLabel ? lines.filter((spec) => spec.compared).map((spec) => ({ label: pastLabel(spec.label), spec, isPast: true })) : [];
    return [...now, ...then];
  }

  #data(): uPlot.AlignedData {
    const { track, past } = this.#source;
    const columns = this.#lines().map(({ spec, isPast }) => {
      if (!isPast) return spec.read(track);
      return past ? pastAt(track.times, past, spec.read(past.track)) : track.times.map(() => null);
    });
    return [track.times, ...columns];
  }

  /** Nothing in the whole stretch is said in words: an empty chart looks like a broken one. */
  #sayEmpty([times, ...columns]: uPlot.AlignedData, { from, to }: Span): void {
    const first = times.findIndex((time) => time >= from);
    const last = times.findLastIndex((time) => time <= to);
    const has = first >= 0 && columns.some((column) => {
      for (let i = first; i <= last; i += 1) if (typeof column[i] === 'number') return true;
      return false;
    });
    if (has) delete this.#box.dataset['empty'];
    else this.#box.dataset['empty'] = this.#spec.empty;
  }

  #seen(onScreen: boolean): void {
    this.#onScreen = onScreen;
    if (!onScreen || !this.#dirty) return;
    this.#dirty = false;
    this.draw(true);
  }

  #resize(width: number): void {
    if (width === this.#plot.width) return;
    this.#plot.setSize({ width, height: CHART_HEIGHT });
    this.draw(true);
  }

  #buildLegend(legend: HTMLElement): void {
    legend.replaceChildren();
    for (const { label, spec, isPast } of this.#lines()) {
      const item = document.createElement('span');
      const swatch = document.createElement('i');
      swatch.style.background = spec.dash ? `repeating-linear-gradient(90deg, var(--${spec.ink}) 0 3px, transparent 3px 5px)` : `var(--${spec.ink})`;
      if (isPast) swatch.className = 'past';
      const value = document.createElement('b');
      item.append(swatch, `${label} `, value);
      legend.append(item);
      this.#legend.push(value);
    }
    const at = document.createElement('span');
    at.className = 'dim';
    legend.append(at);
    this.#legend.push(at);
  }

  #writeLegend(index: number | null): void {
    const columns = this.#plot.data;
    const at = index ?? columns[0].length - 1;
    this.#legend.slice(0, -1).forEach((box, i) => {
      const text = this.#spec.format(columns[i + 1]?.[at] as number | null | undefined);
      if (box.textContent !== text) box.textContent = text;
    });
    const time = columns[0][at];
    const label = this.#legend.at(-1);
    const { from, to } = this.#source.window();
    if (label) label.textContent = index !== null && time !== undefined ? cursorMoment(time, to - from) : '';
  }

  #options(width: number): uPlot.Options {
    const { leastTop, formatAxis } = this.#spec;
    return {
      width, height: CHART_HEIGHT, padding: [8, RIGHT, 0, 0], legend: { show: false }, tzDate,
      scales: { x: { time: true, auto: false }, y: { range: (_u, _low, high) => [0, Math.max(leastTop, (high ?? 0) * 1.08)] } },
      series: [{}, ...this.#lines().map(({ spec, isPast }) => series(spec, isPast))],
      axes: [xAxis(), yAxis(formatAxis)],
      cursor: cursor(),
      hooks: {
        setCursor: [(plot) => this.#writeLegend(plot.cursor.idx ?? null)],
        setSelect: [brushed],
        draw: [(plot) => this.#marks.draw(plot)],
      },
    };
  }
}

/** A single value between two gaps would not be seen as a line: it is drawn as a point. */
function lonePoints(plot: uPlot, index: number, first: number, last: number): number[] {
  const values = plot.data[index] ?? [];
  const lone: number[] = [];
  for (let i = first; i <= last; i += 1) {
    if (typeof values[i] === 'number' && typeof values[i - 1] !== 'number' && typeof values[i + 1] !== 'number') lone.push(i);
  }
  return lone;
}

function series(line: LineSpec, isPast: boolean): uPlot.Series {
  const color = () => ink(line.ink);
  return {
    stroke: color,
    width: isPast ? 1 : (line.width ?? 1.5),
    alpha: isPast ? 0.6 : 1,
    points: { show: (plot, i, first, last) => lonePoints(plot, i, first, last).length > 0, filter: (plot, i, show, _gaps) => (show ? lonePoints(plot, i, 0, plot.data[0].length - 1) : null), size: 3, fill: color },
    ...(line.fill && !isPast ? { fill: () => ink('area') } : {}),
    ...(line.dash ? { dash: line.dash } : isPast ? { dash: PAST_DASH } : {}),
    ...(line.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
  };
}
