import uPlot from 'uplot';
import type { Track } from '../live/track.ts';
import { ink, type Ink } from './ink.ts';
import { chartView } from './view.ts';

export interface LineSpec {
  label: string;
  /** One value a point; null is a gap. */
  read: (track: Track) => (number | null)[];
  ink: Ink;
  fill?: boolean;
  stepped?: boolean;
  dash?: number[];
  width?: number;
}

export interface ChartSpec {
  lines: LineSpec[];
  /** A value with its unit, for the axis and the legend. */
  format: (value: number | null | undefined) => string;
  /** The same for the axis, where round figures need no places. */
  formatAxis: (value: number) => string;
  /** The smallest top of the scale, so that noise around 0 does not fill the chart. */
  leastTop: number;
  clock: (seconds: number) => string;
  clockShort: (seconds: number) => string;
}

export interface TimeSource {
  track: Track;
  watch: (listener: () => void) => () => void;
}

const SYNC_KEY = 'vigie';
const HEIGHT = 150;

/** A time chart of its own making: it owns the canvas and the legend, and takes its data past React. */
export class TimeChart {
  #plot: uPlot;
  #spec: ChartSpec;
  #source: TimeSource;
  #legend: HTMLElement[] = [];
  #unhook: (() => void)[] = [];
  #onScreen = true;
  #dirty = false;
  #isFrozen: () => boolean;
  #now: () => number;

  constructor(box: HTMLElement, legend: HTMLElement, spec: ChartSpec, source: TimeSource, time: { now: () => number; isFrozen: () => boolean }) {
    this.#spec = spec;
    this.#source = source;
    this.#now = time.now;
    this.#isFrozen = time.isFrozen;
    this.#buildLegend(legend);
    this.#plot = new uPlot(this.#options(box.clientWidth), this.#data(), box);
    const resized = new ResizeObserver(() => this.#resize(box));
    resized.observe(box);
    const seen = new IntersectionObserver((entries) => this.#seen(entries.some((entry) => entry.isIntersecting)), { rootMargin: '80px' });
    seen.observe(box);
    const themed = () => this.draw(true);
    window.addEventListener('vigie:theme', themed);
    this.#unhook = [
      () => resized.disconnect(),
      () => seen.disconnect(),
      () => window.removeEventListener('vigie:theme', themed),
      source.watch(() => this.draw(false)),
      chartView.watch(() => this.draw(true)),
    ];
    this.draw(true);
  }

  destroy(): void {
    for (const unhook of this.#unhook) unhook();
    this.#plot.destroy();
  }

  /** Takes the newest data; `always` draws even while the screen is frozen (theme, zoom and range still work then). */
  draw(always: boolean): void {
    if (!always && this.#isFrozen()) return;
    if (!this.#onScreen) {
      this.#dirty = true;
      return;
    }
    this.#plot.batch(() => {
      this.#plot.setData(this.#data(), false);
      this.#plot.setScale('x', this.#window());
    });
    this.#writeLegend(this.#plot.cursor.idx ?? null);
  }

  canvas(): HTMLCanvasElement {
    return this.#plot.ctx.canvas;
  }

  csv(): string {
    const head = ['time', ...this.#spec.lines.map((line) => `"${line.label.replaceAll('"', '""')}"`)].join(',');
    const { min, max } = this.#window();
    const [times = [], ...columns] = this.#data() as (number | null)[][];
    const lines = times.flatMap((time, i) => {
      if (time === null || time < min || time > max) return [];
      return [[new Date(time * 1_000).toISOString(), ...columns.map((column) => column[i] ?? '')].join(',')];
    });
    return [head, ...lines, ''].join('\n');
  }

  #window(): { min: number; max: number } {
    if (chartView.zoom) return { min: chartView.zoom.from, max: chartView.zoom.to };
    const last = this.#source.track.times.at(-1);
    const now = Math.max(this.#now() / 1_000 - 2, last ?? 0);
    return { min: now - chartView.rangeSeconds, max: now };
  }

  #data(): uPlot.AlignedData {
    const track = this.#source.track;
    return [track.times, ...this.#spec.lines.map((line) => line.read(track))];
  }

  #seen(onScreen: boolean): void {
    this.#onScreen = onScreen;
    if (!onScreen || !this.#dirty) return;
    this.#dirty = false;
    this.draw(false);
  }

  #resize(box: HTMLElement): void {
    if (box.clientWidth > 0 && box.clientWidth !== this.#plot.width) this.#plot.setSize({ width: box.clientWidth, height: HEIGHT });
  }

  #buildLegend(legend: HTMLElement): void {
    legend.replaceChildren();
    for (const line of this.#spec.lines) {
      const item = document.createElement('span');
      const swatch = document.createElement('i');
      swatch.style.background = line.dash ? `repeating-linear-gradient(90deg, var(--${line.ink}) 0 3px, transparent 3px 5px)` : `var(--${line.ink})`;
      const value = document.createElement('b');
      item.append(swatch, `${line.label} `, value);
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
    this.#spec.lines.forEach((_, i) => {
      const text = this.#spec.format(columns[i + 1]?.[at] as number | null | undefined);
      const box = this.#legend[i];
      if (box && box.textContent !== text) box.textContent = text;
    });
    const time = columns[0][at];
    const label = this.#legend.at(-1);
    if (label) label.textContent = index !== null && time !== undefined ? this.#spec.clock(time) : '';
  }

  #options(width: number): uPlot.Options {
    const spec = this.#spec;
    return {
      width, height: HEIGHT, padding: [8, 6, 0, 0], legend: { show: false },
      scales: { x: { time: true, auto: false }, y: { range: (_u, _low, high) => [0, Math.max(spec.leastTop, (high ?? 0) * 1.08)] } },
      series: [{}, ...spec.lines.map((line) => series(line))],
      axes: [xAxis(spec), yAxis(spec)],
      cursor: {
        sync: { key: SYNC_KEY, setSeries: false, scales: ['x', null] },
        drag: { x: true, y: false, setScale: false, dist: 6 },
        points: { size: 5 },
        y: false,
        bind: { dblclick: () => () => { chartView.request(null); return null; } },
      },
      hooks: {
        setCursor: [(plot) => this.#writeLegend(plot.cursor.idx ?? null)],
        setSelect: [(plot) => this.#brushed(plot)],
      },
    };
  }

  #brushed(plot: uPlot): void {
    if (plot.select.width < 6) return;
    const from = plot.posToVal(plot.select.left, 'x');
    const to = plot.posToVal(plot.select.left + plot.select.width, 'x');
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (to - from >= 3) chartView.request({ from: Math.round(from), to: Math.round(to) });
  }
}

function series(line: LineSpec): uPlot.Series {
  return {
    stroke: () => ink(line.ink),
    width: line.width ?? 1.5,
    points: { show: false },
    ...(line.fill ? { fill: () => ink('area') } : {}),
    ...(line.dash ? { dash: line.dash } : {}),
    ...(line.stepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
  };
}

const axisFont = '10.5px system-ui, sans-serif';

function xAxis(spec: ChartSpec): uPlot.Axis {
  return {
    stroke: () => ink('ink-3'), font: axisFont, size: 22, gap: 4, space: 74,
    grid: { show: false }, ticks: { show: false }, border: { show: false },
    values: (_plot, splits, _index, _space, step) => splits.map((at) => (step < 60 ? spec.clock(at) : spec.clockShort(at))),
  };
}

function yAxis(spec: ChartSpec): uPlot.Axis {
  return {
    stroke: () => ink('ink-3'), font: axisFont, gap: 4, space: 38,
    size: (_plot, values) => 12 + 6.2 * Math.max(2, ...(values ?? []).map((text) => text.length)),
    grid: { stroke: () => ink('line-soft'), width: 1 }, ticks: { show: false }, border: { show: false },
    values: (_plot, splits) => splits.map((value) => spec.formatAxis(value)),
  };
}
