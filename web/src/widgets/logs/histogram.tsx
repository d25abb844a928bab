import { useEffect, useRef, useState } from 'react';
import { fetchLogHistogram, type LogFilter, type LogHistogram } from '../../api/logs.ts';
import { EventMarks } from '../../charts/event-marks.tsx';
import { TimeAxis } from '../../charts/time-axis.tsx';
import { chartView } from '../../charts/view.ts';
import { durationTick } from '../../domain/duration.ts';
import { roundStep } from '../../explore/matrix.ts';
import { inWords } from '../../domain/server-words.ts';
import { secondOfDay, spanText } from '../../domain/moment.ts';
import { brushedSpan, type Span } from '../../domain/span.ts';
import { useSentence } from '../../i18n/index.ts';
import { Refetch } from '../../live/refetch.ts';
import { Card, Fault, Skeleton } from '../../ui/index.tsx';
import { logWindow } from './model.ts';

const BARS = 80;
const EVERY_MS = 5_000;
const HEIGHT = 64;
/** As the bars' box is padded, at the left and at the right, in pixels. */
const PAD = 14;
const BANDS = [
  { levels: ['error', 'fatal'], className: 'b-crit' },
  { levels: ['warn'], className: 'b-warn' },
  { levels: ['info', 'debug', 'trace', 'unknown'], className: 'b-rest' },
] as const;

interface Bar {
  /** Unix seconds. */
  from: number;
  /** Of each band. */
  counts: number[];
}
interface Bars {
  span: Span;
  step: number;
  bars: Bar[];
  total: number;
  bad: number;
}

function barsOf(histogram: LogHistogram, span: Span): Bars {
  const bars = histogram.steps.map(({ time, counts }) => ({
    from: Date.parse(time) / 1_000, counts: BANDS.map(({ levels }) => levels.reduce((sum, level) => sum + (counts[level] ?? 0), 0)),
  }));
  return {
    span, step: histogram.step_seconds, bars,
    total: histogram.steps.reduce((sum, { total }) => sum + total, 0), bad: bars.reduce((sum, { counts }) => sum + (counts[0] ?? 0), 0),
  };
}

function useBars(filter: LogFilter, look: string) {
  const [state, setState] = useState<{ bars: Bars | null; error: string | null }>({ bars: null, error: null });
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([filter, look, turn]);
  useEffect(() => {
    const fetching = new Refetch();
    let span = logWindow();
    fetching.run({
      ask: (signal) => {
        span = logWindow();
        return fetchLogHistogram(filter, span, roundStep((span.to - span.from) / BARS), signal);
      },
      done: (histogram) => setState({ bars: barsOf(histogram, span), error: null }),
      failed: (error) => setState((old) => ({ ...old, error })),
      again: () => (chartView.zoom ? null : EVERY_MS),
    });
    return () => fetching.stop();
    // oxlint-disable-next-line react/exhaustive-deps -- the key says all that matters
  }, [key]);
  return { ...state, retry: () => setTurn(turn + 1) };
}

/** Lines over time (what is `said` already of the same failure is not said again); a drag looks at a stretch, everywhere at once. */
export function LogHistogramCard({ filter, look, said }: { filter: LogFilter; look: string; said: string | null }) {
  const t = useSentence();
  const { bars, error, retry } = useBars(filter, look);
  const box = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const share = (x: number) => {
    const rect = box.current?.getBoundingClientRect();
    return rect ? Math.max(0, Math.min(1, (x - rect.left) / rect.width)) : 0;
  };
  const release = () => {
    if (drag && bars) {
      const second = (at: number) => bars.span.from + at * (bars.span.to - bars.span.from);
      const span = brushedSpan(second(drag.from), second(drag.to));
      if (span) chartView.brush(span);
    }
    setDrag(null);
  };
  const peak = Math.max(0, ...(bars?.bars ?? []).map(({ counts }) => counts.reduce((sum, n) => sum + n, 0)));
  const top = Math.max(1, peak);
  const width = bars ? bars.span.to - bars.span.from : 1;
  return (
    <Card className="s12" title={t('logs.histogram')} small={bars ? [spanText(bars.span.from, bars.span.to), peak > 0 ? t('logs.peak', { n: peak, step: durationTick(bars.step) }) : ''].filter(Boolean).join(' · ') : ''} info={t('logs.histogramInfo')}>
      {error !== null && error === said ? <p className="note dim">{t('logs.sameFault')}</p> : null}
      {error && error !== said ? <Fault text={t('logs.histogramFault', { reason: inWords(error) })} retry={t('action.retry')} onRetry={retry} /> : null}
      {bars ? <div className="log-marks"><EventMarks span={bars.span} pad={PAD} of={t('logs.histogram')} /></div> : null}
      {bars ? (
        // A drag is an aid for the hand: the range's menu does the same by keys.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
        <svg
          ref={box} className="log-bars" viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img"
          aria-label={t('logs.histogramLabel', { n: bars.total, bad: bars.bad })}
          onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDrag({ from: share(event.clientX), to: share(event.clientX) }); }}
          onPointerMove={(event) => drag && setDrag({ ...drag, to: share(event.clientX) })}
          onPointerUp={release} onPointerCancel={() => setDrag(null)} onDoubleClick={() => chartView.back()}
        >
          {bars.bars.map(({ from, counts }) => {
            let y = HEIGHT;
            return (
              <g key={from} data-tip={t('logs.bar', { from: secondOfDay(from), to: secondOfDay(from + bars.step), n: counts.reduce((sum, n) => sum + n, 0) })}>
                <rect x={from - bars.span.from} width={bars.step} y={0} height={HEIGHT} className="b-hit" />
                {counts.map((n, band) => {
                  const height = (n / top) * (HEIGHT - 2);
                  y -= height;
                  return n > 0 ? <rect key={BANDS[band]?.className} className={BANDS[band]?.className} x={from - bars.span.from + bars.step * 0.08} width={bars.step * 0.84} y={y} height={height} /> : null;
                })}
              </g>
            );
          })}
          {drag ? <rect className="b-drag" x={Math.min(drag.from, drag.to) * width} width={Math.abs(drag.to - drag.from) * width} y={0} height={HEIGHT} /> : null}
        </svg>
      ) : error ? null : <div className="log-bars pending"><Skeleton block /></div>}
      {bars ? <div className="log-axis"><TimeAxis span={bars.span} /></div> : null}
    </Card>
  );
}
