import type uPlot from 'uplot';
import type { VigieEvent } from '../api/contract.ts';
import { clusterEvents, clusterText, type Cluster } from '../domain/event.ts';
import type { Span } from '../domain/span.ts';
import { ink } from './ink.ts';

/** As wide as a finger needs, so that two marks never share a press. */
const APART_PX = 24;
const INK = { critical: 'crit', warning: 'warn-mark', info: 'ink-3', ok: 'ink-3' } as const;

export interface EventSource {
  events: VigieEvent[];
  watch: (listener: () => void) => () => void;
}

/**
 * Events as marks over a chart: a dashed line on the canvas, and above it a button whose shape tells the severity and
 * whose text says what happened. One stop of the Tab key for all; the arrows walk along them.
 */
export class MarkLayer {
  #box: HTMLElement;
  #clusters: Cluster[] = [];
  #buttons: HTMLButtonElement[] = [];
  #label: string;

  constructor(box: HTMLElement, label: string) {
    this.#box = box;
    this.#label = label;
    box.addEventListener('keydown', this.#walk);
  }

  destroy(): void {
    this.#box.removeEventListener('keydown', this.#walk);
    this.#box.replaceChildren();
    this.#box.removeAttribute('role');
    this.#box.removeAttribute('aria-label');
  }

  /** The lines, on the canvas; called whenever the chart is drawn. */
  draw(plot: uPlot): void {
    const pen = plot.ctx;
    const { left, top, height } = plot.bbox;
    pen.save();
    pen.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    pen.lineWidth = devicePixelRatio;
    for (const { at, severity } of this.#clusters) {
      const x = Math.round(left + at * devicePixelRatio) + 0.5;
      pen.strokeStyle = ink(INK[severity]);
      pen.globalAlpha = severity === 'info' || severity === 'ok' ? 0.55 : 0.9;
      pen.beginPath();
      pen.moveTo(x, top);
      pen.lineTo(x, top + height);
      pen.stroke();
    }
    pen.restore();
  }

  /** The buttons; called whenever events or the window may have changed, before the chart is drawn. */
  place(plot: uPlot, events: readonly VigieEvent[], window: Span): void {
    this.over({ left: plot.bbox.left / devicePixelRatio, width: plot.bbox.width / devicePixelRatio }, events, window);
  }

  /** The same over a drawing that is no chart; its place within the layer is in pixels. */
  over({ left, width }: { left: number; width: number }, events: readonly VigieEvent[], window: Span): void {
    const seconds = window.to - window.from;
    this.#clusters = clusterEvents(events, (at) => ((at - window.from) / seconds) * width, width, APART_PX);
    if (this.#clusters.length > 0) {
      this.#box.role = 'group';
      this.#box.ariaLabel = this.#label;
    }
    while (this.#buttons.length > this.#clusters.length) this.#buttons.pop()?.remove();
    while (this.#buttons.length < this.#clusters.length) this.#add();
    this.#clusters.forEach((cluster, i) => {
      const button = this.#buttons[i];
      if (!button) return;
      button.style.translate = `${Math.round(left + cluster.at - APART_PX / 2)}px 0`;
      const key = `${cluster.severity} ${cluster.events.length} ${cluster.events[0]?.id} ${document.documentElement.lang}`;
      if (button.dataset['key'] === key) return;
      button.dataset['key'] = key;
      button.className = `event-mark e-${cluster.severity}`;
      const text = clusterText(cluster);
      button.dataset['tip'] = text;
      button.ariaLabel = text;
    });
  }

  #add(): void {
    const button = document.createElement('button');
    button.type = 'button';
    button.tabIndex = this.#buttons.length === 0 ? 0 : -1;
    button.append(document.createElement('i'));
    this.#buttons.push(button);
    this.#box.append(button);
  }

  #walk = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = this.#buttons.findIndex((button) => button === document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    this.#buttons[Math.max(0, Math.min(this.#buttons.length - 1, at + step))]?.focus();
  };
}
