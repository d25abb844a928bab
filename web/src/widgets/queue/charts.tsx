import { ChartCard } from '../../charts/chart-card.tsx';
import { duration, durationTick } from '../../domain/duration.ts';
import { count, failedShare, percent, rate, rateTick } from '../../domain/quantity.ts';
import { useSentence } from '../../i18n/index.ts';
import type { ViewFeed } from '../../live/view-feed.ts';
import type { Track } from '../../live/track.ts';

/** A share of what ended in one second is 0 or 1 more often than not: from such fine steps it is taken over this many seconds. */
const SHARE_SECONDS = 30;

/** Sums of the last `n` values at each place; null where nothing is known at that place itself. */
function lately(values: readonly (number | null)[], n: number): (number | null)[] {
  // Each anew: a running sum keeps dust of what has left it, and dust among nothing is a share.
  return values.map((value, i) => (value === null ? null : values.slice(Math.max(0, i - n + 1), i + 1).reduce<number>((sum, each) => sum + (each ?? 0), 0)));
}

function errorShare({ times, failed_rate, out_rate }: Track): (number | null)[] {
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  const n = step > 0 ? Math.max(1, Math.round(SHARE_SECONDS / step)) : 1;
  const failed = lately(failed_rate, n);
  return lately(out_rate, n).map((out, i) => failedShare(failed[i], out));
}

/** Four charts under one cursor: how much, how fast, how long, how well. */
export function QueueCharts({ feed }: { feed: ViewFeed }) {
  const t = useSentence();
  return (
    <>
      <ChartCard id="depth" className="s6" feed={feed} title={t('depth.title')} small={t('depth.small')} info={t('depth.info')} format={count} leastTop={4} lines={[
        { label: t('line.waiting'), read: (track) => track.waiting, columns: ['waiting'], compared: true, ink: 'in', fill: true },
        { label: t('line.active'), read: (track) => track.active, columns: ['active'], ink: 'ink-3' },
        { label: t('line.scheduled'), read: (track) => track.scheduled, columns: ['scheduled'], ink: 'out' },
        { label: t('line.retry'), read: (track) => track.retry, columns: ['retry'], ink: 'warn-mark', dash: [4, 3] },
      ]} />
      <ChartCard id="rates" className="s6" feed={feed} title={t('rates.title')} small={t('rates.small')} info={t('rates.info')} format={rate} formatAxis={rateTick} leastTop={1} lines={[
        { label: t('line.in'), read: (track) => track.in_rate, columns: ['in_rate'], compared: true, ink: 'in', fill: true },
        { label: t('line.out'), read: (track) => track.out_rate, columns: ['out_rate'], compared: true, ink: 'out' },
      ]} />
      <ChartCard id="times" className="s6" feed={feed} title={t('times.title')} small={t('times.small')} info={t('times.info')} format={duration} formatAxis={durationTick} leastTop={0.01} lines={[
        { label: t('line.waitP95'), read: (track) => track.wait_p95, columns: ['wait_p95'], compared: true, ink: 'in' },
        { label: t('line.waitP50'), read: (track) => track.wait_p50, columns: ['wait_p50'], ink: 'in', dash: [3, 3], width: 1.2 },
        { label: t('line.runP95'), read: (track) => track.run_p95, columns: ['run_p95'], compared: true, ink: 'out' },
        { label: t('line.runP50'), read: (track) => track.run_p50, columns: ['run_p50'], ink: 'out', dash: [3, 3], width: 1.2 },
      ]} />
      <ChartCard id="errors" className="s6" feed={feed} title={t('errors.title')} small={t('errors.small')} info={t('errors.info')} format={percent} leastTop={0.05} explore={(query) => [`(${query('failed_rate')}) / (${query('out_rate')})`]} lines={[
        { label: t('line.errors'), read: errorShare, columns: ['failed_rate', 'out_rate'], compared: true, ink: 'crit' },
      ]} />
    </>
  );
}
