import { axisMoment, shownZone } from '../domain/moment.ts';
import type { Span } from '../domain/span.ts';
import { roundStep } from '../explore/matrix.ts';

const MOST = 6;
/** A label nearer to an end than this share would stand out over it. */
const EDGE = 0.03;

/** Round moments of a stretch, in the zone on the screen: whole hours, days that begin at midnight. */
export function roundMoments({ from, to }: Span): { at: number; label: string }[] {
  const step = roundStep((to - from) / MOST);
  const zone = shownZone() === 'utc' ? 0 : new Date(from * 1_000).getTimezoneOffset() * 60;
  const moments = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) moments.push({ at, label: axisMoment(at, step) });
  return moments;
}

/** The axis of what is drawn without a chart: bars and strips over time. */
export function TimeAxis({ span }: { span: Span }) {
  const places = roundMoments(span).map(({ at, label }) => ({ label, share: (at - span.from) / (span.to - span.from) }));
  return (
    <div className="time-axis dim" aria-hidden="true">
      {places.filter(({ share }) => share >= EDGE && share <= 1 - EDGE).map(({ label, share }) => <span key={share} style={{ left: `${share * 100}%` }}>{label}</span>)}
    </div>
  );
}
