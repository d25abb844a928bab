import { Link } from '@tanstack/react-router';
import { useEffect, useState, type ReactNode } from 'react';
import type { Column, Overview } from '../../api/contract.ts';
import { age, duration, secondsSince } from '../../domain/duration.ts';
import type { Span } from '../../domain/span.ts';
import { count, failedShare, percent, rate } from '../../domain/quantity.ts';
import { ERROR_RATIO_WARNS } from '../../domain/severity.ts';
import { useSentence, type MessageId, type Translate } from '../../i18n/index.ts';
import { viewFeed, type ViewFeed } from '../../live/view-feed.ts';
import type { Track } from '../../live/track.ts';
import { useFeed, useNow } from '../../live/hooks.ts';
import { store } from '../../live/session.ts';
import { Skeleton, Spark, type Tone } from '../../ui/index.tsx';

const POINTS = 60;
const REFRESH_MS = 5_000;

type Read = (track: Track, at: number) => number | null;
const column = (name: Column): Read => (track, at) => track[name][at] ?? null;

/** The mean of each sixtieth of the window; a part without a figure is a gap. */
function thin(track: Track, { from, to }: Span, read: Read): (number | null)[] {
  const sums = Array.from({ length: POINTS }, () => ({ sum: 0, n: 0 }));
  track.times.forEach((time, i) => {
    const slot = sums[Math.floor(((time - from) / (to - from)) * POINTS - 1e-9)];
    const value = read(track, i);
    if (!slot || value === null) return;
    slot.sum += value;
    slot.n += 1;
  });
  return sums.map(({ sum, n }) => (n > 0 ? sum / n : null));
}

function useThinned(feed: ViewFeed, read: Read): (number | null)[] {
  const [values, setValues] = useState<(number | null)[]>([]);
  useEffect(() => {
    let drawn = 0;
    let track: Track | null = null;
    const refresh = () => {
      if (feed.track.times.length === 0) return;
      // Another stretch is drawn at once, the next second of the same one with the others.
      const isSame = track === feed.track;
      if (isSame && (store.pausedAt !== null || Date.now() - drawn < REFRESH_MS)) return;
      drawn = Date.now();
      track = feed.track;
      setValues(thin(feed.track, feed.window(), read));
    };
    refresh();
    return feed.watch(refresh);
  }, [feed, read]);
  return values;
}

interface KpiProps {
  label: MessageId;
  tip: MessageId;
  value: string | undefined;
  unit?: string;
  foot: ReactNode;
  tone?: Tone;
  read: Read;
  /** What the figure is made of; the first by the second, where there are two. */
  columns: readonly [Column, Column?];
}

/** The figure leads to the query behind it. */
function Figure({ label, query, children }: { label: string; query: string | undefined; children: ReactNode }) {
  const t = useSentence();
  if (!query) return children;
  const words = t('chart.explore', { chart: label });
  return <Link to="/explore" search={{ q: [query] }} preload={false} data-tip={words}>{children}<span className="sr">{words}</span></Link>;
}

function Kpi(props: KpiProps) {
  const t = useSentence();
  const feed = viewFeed('now', null);
  useFeed(feed);
  const values = useThinned(feed, props.read);
  const [query, by] = props.columns.map((name) => name && feed.queries?.[name]);
  const tone = { critical: 'crit', warning: 'warn', ok: '', unknown: '' }[props.tone ?? 'ok'];
  return (
    <div className="kpi">
      <button type="button" className="hint" data-tip={t(props.tip)}>{t(props.label)}</button>
      <strong className={tone}>
        <Figure label={t(props.label)} query={query && by ? `(${query}) / (${by})` : query}>
          {props.value === undefined ? <Skeleton width="3ch" /> : props.value}
          {props.unit && props.value !== '–' ? <i>{props.unit}</i> : null}
        </Figure>
      </strong>
      <em>{props.foot ?? '\u00a0'}</em>
      <Spark values={values} tone={props.tone ?? 'ok'} />
    </div>
  );
}

/** "3.2 s" as figure and unit apart, so that the unit can be small; "1 min 15 s" has two units and stays together. */
function split(text: string | undefined): [string | undefined, string] {
  if (text === undefined) return [undefined, ''];
  const cut = text.search(/[\s\u00a0\u202f](?=\D+$)/);
  return cut < 0 || /\d\D*[a-z]\D*\d/.test(text) ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
}

function OldestFoot({ overview }: { overview: Overview }) {
  const t = useSentence();
  const now = useNow();
  const seconds = secondsSince(overview.oldest_at, now);
  // What is not known is not "nothing".
  if (seconds === null) return <>{overview.waiting === 0 ? t('kpi.oldestNone') : '\u00a0'}</>;
  return <>{t('kpi.oldest', { age: age(seconds) })}</>;
}

const READ = {
  waiting: column('waiting'), in: column('in_rate'), out: column('out_rate'), failed: (track, at) => failedShare(track.failed_rate[at], track.out_rate[at]), wait: column('wait_p95'), busy: column('busy'),
} satisfies Record<string, Read>;

function poolFoot(t: Translate, overview: Overview): string {
  if (typeof overview.workers !== 'number') return '\u00a0';
  return t(overview.capacity === null || overview.capacity === undefined ? 'kpi.workersNoCapacity' : 'kpi.workers', { n: overview.workers });
}

/** Six figures, each with its course over what the page looks at. */
export function KpiStrip({ overview: o }: { overview: Overview | undefined }) {
  const t = useSentence();
  const [failed, percentSign] = split(o && percent(o.error_ratio));
  const [wait, waitUnit] = split(o && duration(o.wait_p95));
  const perSecond = t('unit.perSecondOnly');
  const falls = o && typeof o.in_rate === 'number' && typeof o.out_rate === 'number' && o.in_rate > o.out_rate * 1.05 + 0.5;
  return (
    <section className="card kpis" aria-label={t('kpi.title')}>
      <Kpi label="kpi.waiting" tip="kpi.waitingTip" value={o && count(o.waiting)} read={READ.waiting} columns={['waiting']} foot={o ? <OldestFoot overview={o} /> : null} />
      <Kpi label="kpi.in" tip="kpi.inTip" value={o && rate(o.in_rate)} unit={perSecond} read={READ.in} columns={['in_rate']} foot={t('kpi.over60')} />
      <Kpi label="kpi.out" tip="kpi.outTip" value={o && rate(o.out_rate)} unit={perSecond} read={READ.out} columns={['out_rate']} tone={falls ? 'warning' : 'ok'} foot={falls ? t('kpi.behind') : t('kpi.over60')} />
      <Kpi label="kpi.failed" tip="kpi.failedTip" value={failed} unit={percentSign} read={READ.failed} columns={['failed_rate', 'out_rate']} tone={(o?.error_ratio ?? 0) >= ERROR_RATIO_WARNS ? 'warning' : 'ok'} foot={o ? t('kpi.failedRate', { rate: rate(o.failed_rate) }) : null} />
      <Kpi label="kpi.wait" tip="kpi.waitTip" value={wait} unit={waitUnit} read={READ.wait} columns={['wait_p95']} foot={o ? t('kpi.run', { run: duration(o.run_p95) }) : null} />
      <Kpi label="kpi.busy" tip="kpi.busyTip" value={o && count(o.busy)} unit={o?.capacity ? `/ ${count(o.capacity)}` : ''} read={READ.busy} columns={['busy']} foot={o ? poolFoot(t, o) : null} />
    </section>
  );
}
