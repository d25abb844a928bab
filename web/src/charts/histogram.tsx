import { useEffect, useRef, useState } from 'react';
import type { LatencyHistogram } from '../api/contract.ts';
import { duration, durationTick } from '../domain/duration.ts';
import { count } from '../domain/quantity.ts';

const WIDTH_AT_FIRST = 420;
const HEIGHT = 150;
const LEFT = 34;
const FOOT = 20;
const TOP = 12;

/** Where a duration lies on the axis of buckets: 0 at the first shown bound, 1 a bucket, logarithmic within a bucket. */
function bucketPosition(bounds: readonly number[], seconds: number): number {
  const first = bounds[0] ?? 0.001;
  if (seconds <= first) return Math.max(0, seconds / first);
  for (let i = 1; i < bounds.length; i += 1) {
    const low = bounds[i - 1] ?? first;
    const high = bounds[i] ?? low;
    if (seconds <= high) return i + Math.log(seconds / low) / Math.log(high / low);
  }
  return bounds.length + 0.5;
}

/** The buckets worth drawing: from one before the first filled to one after the last. */
export function filledSpan(counts: readonly number[]): [number, number] {
  const first = counts.findIndex((n) => n > 0);
  if (first < 0) return [0, Math.max(0, counts.length - 1)];
  const last = counts.findLastIndex((n) => n > 0);
  const from = Math.max(0, Math.min(first - 1, last - 8));
  return [from, Math.min(counts.length - 1, Math.max(last + 1, from + 8))];
}

const niceTop = (peak: number): number => {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, peak)));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= peak) ?? peak;
};

const LABELS = 6;
const GLYPH = 5.8;

/** Words at some of the bounds, none over another or beyond the end; `x` is the middle of each. */
export function axisLabels(bounds: readonly number[], step: number, width: number): { x: number; text: string }[] {
  const every = Math.max(1, Math.ceil(bounds.length / LABELS));
  const labels: { x: number; text: string }[] = [];
  let end = 0;
  bounds.forEach((bound, i) => {
    if (i % every !== every - 1) return;
    const text = durationTick(bound);
    const half = (text.length * GLYPH) / 2;
    const x = Math.min(LEFT + (i + 1) * step, width - half);
    if (x - half < end) return;
    labels.push({ x, text });
    end = x + half + GLYPH;
  });
  return labels;
}

/** The width of what is drawn, in pixels: drawn as large as it is, its words are of the same size on every screen. */
function useDrawnWidth() {
  const box = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(WIDTH_AT_FIRST);
  useEffect(() => {
    const sizes = new ResizeObserver(([entry]) => entry && entry.contentRect.width > 0 && setWidth(Math.round(entry.contentRect.width)));
    if (box.current) sizes.observe(box.current);
    return () => sizes.disconnect();
  }, []);
  return { box, width };
}

/** Finished attempts by latency; bars beyond p95 are hatched darker, the mark says where p95 is. */
export function Histogram(props: { data: LatencyHistogram; label: string; p95Label: string; rangeLabel: (from: string, to: string, n: string) => string }) {
  const { bounds_seconds: bounds, counts, p95 } = props.data;
  const { box, width } = useDrawnWidth();
  const [from, to] = filledSpan(counts);
  const shown = counts.slice(from, to + 1);
  const top = niceTop(Math.max(...shown, 1));
  const step = (width - LEFT) / shown.length;
  const plot = HEIGHT - FOOT - TOP;
  const mark = p95 === null || p95 === undefined ? null : LEFT + (bucketPosition(bounds, p95) - from) * step;
  return (
    <svg ref={box} className="histogram" viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={props.label}>
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line className="grid" x1={LEFT} x2={width} y1={TOP + plot * (1 - share)} y2={TOP + plot * (1 - share)} />
          {share === 0.5 && top < 2 ? null : <text x={LEFT - 5} y={TOP + plot * (1 - share) + 3.5} textAnchor="end">{count(top * share)}</text>}
        </g>
      ))}
      {/* oxlint-disable react/no-array-index-key -- a bucket is its place */}
      {shown.map((n, i) => {
        const low = from + i === 0 ? 0 : bounds[from + i - 1];
        const high = bounds[from + i];
        const beyond = p95 !== null && p95 !== undefined && low !== undefined && low >= p95;
        const height = n > 0 ? Math.max(1.5, (n / top) * plot) : 0;
        const tip = props.rangeLabel(duration(low), high === undefined ? '∞' : duration(high), count(n));
        return (
          <rect key={from + i} className={beyond ? 'beyond' : ''} x={LEFT + i * step + 1} width={Math.max(1, step - 2)} y={TOP + plot - height} height={height} rx={1.5} data-tip={tip} />
        );
      })}
      {axisLabels(bounds.slice(from, to + 1), step, width).map(({ x, text }) => <text key={text} x={x} y={HEIGHT - 5} textAnchor="middle">{text}</text>)}
      {mark === null ? null : (
        <g>
          <line className="cut" x1={mark} x2={mark} y1={TOP - 4} y2={TOP + plot} />
          <text x={mark - 4} y={TOP} textAnchor="end">{props.p95Label}</text>
        </g>
      )}
    </svg>
  );
}
