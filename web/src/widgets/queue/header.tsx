import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { LiveQueue } from '../../api/contract.ts';
import type { QueueAddress } from '../../api/client.ts';
import { age, duration, secondsSince } from '../../domain/duration.ts';
import { timeOfDay } from '../../domain/moment.ts';
import { count, percent, rate } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import { ERROR_RATIO_WARNS, isStuck } from '../../domain/severity.ts';
import { currentLocale, useSentence } from '../../i18n/index.ts';
import { useNow } from '../../live/hooks.ts';
import { CopyButton, Mark, Skeleton } from '../../ui/index.tsx';
import { QualityTag } from '../quality-tag.tsx';
import { drainText } from '../queues/row.tsx';

export function QueueHeader({ address, detail }: { address: QueueAddress; detail: LiveQueue | undefined }) {
  const t = useSentence();
  const now = useNow();
  const tone = detail?.severity ?? 'unknown';
  const why = detail?.reason ? t(`reason.${detail.reason}`) : t(`severity.${tone}`);
  return (
    <div className="crumbs s12">
      <Link to="/queues" className="dim">{t('nav.queues')}</Link><span className="dim" aria-hidden="true">/</span>
      <Mark tone={tone} label={why} />
      <h1 className="page"><bdi className="name">{showName(address.queue)}</bdi></h1>
      {detail?.reason ? <span className={tone === 'critical' ? 'crit' : tone === 'warning' ? 'warn' : 'dim'}>{why}</span> : null}
      <span className="dim">{address.kind} · {showName(address.source)}{typeof detail?.workers === 'number' ? ` · ${t('queue.workers', { n: detail.workers })}` : ''}</span>
      {detail?.paused ? <span className="tag gap">{t('state.paused')}</span> : null}
      {detail?.stale ? <span className="tag gap">{t('row.stale')} {age(secondsSince(detail.seen, now))}</span> : null}
      {detail ? <><QualityTag quality={detail.totals.quality} /><span className="dim">{t('queue.countedSince', { at: timeOfDay(detail.totals.since) })}</span></> : null}
      <span className="end"><CopyButton text={address.queue} label={t('queue.copyName')} done={t('action.copied')} /></span>
    </div>
  );
}

/** At the head of a figure a word begins with a capital, like those beside it. */
const capital = (word: string): string => word.charAt(0).toLocaleUpperCase(currentLocale()) + word.slice(1);

function Figure(props: { label: string; tip: string; value: string | undefined; tone?: string; foot?: ReactNode }) {
  return (
    <div className="kpi small">
      <button type="button" className="hint" data-tip={props.tip}>{props.label}</button>
      <strong className={props.tone ?? ''}>{props.value ?? <Skeleton width="3ch" />}</strong>
      <em>{props.foot ?? '\u00a0'}</em>
    </div>
  );
}

const STATES = ['waiting', 'active', 'scheduled', 'retry', 'completed', 'failed', 'blocked'] as const;

/** The counts by state with the broker's own words in the tooltip, then age, drain and failures. */
export function StateStrip({ detail: d }: { detail: LiveQueue | undefined }) {
  const t = useSentence();
  const now = useNow();
  const raw = Object.entries(d?.raw ?? {}).map(([word, n]) => `${word}: ${count(n)}`).join('\n');
  const oldest = secondsSince(d?.oldest_at, now);
  return (
    <section className="card s12 strip" aria-label={t('queue.states')}>
      {STATES.map((state) => (
        <Figure key={state} label={capital(t(`state.${state}`))} tip={`${t(`state.${state}Tip`)}\n\n${t('queue.raw')}\n${raw}`} value={d && count(d[state])} foot={d && typeof d[state] !== 'number' ? t('absent.state') : undefined} />
      ))}
      <Figure label={t('col.oldest')} tip={t('col.oldestTip')} value={d && age(oldest)} />
      <Figure label={t('col.drain')} tip={t('col.drainTip')} value={d && drainText(t, d)} tone={isStuck(d?.reason) ? 'crit' : d?.drains === false ? 'warn' : ''} />
      <Figure label={t('queue.rates')} tip={t('queue.ratesTip')} value={d && `${rate(d.in_rate)} / ${rate(d.out_rate)}`} foot={t('unit.perSecondLong')} />
      <Figure label={t('col.errors')} tip={t('col.errorsTip')} value={d && percent(d.error_ratio)} tone={(d?.error_ratio ?? 0) >= ERROR_RATIO_WARNS ? 'warn' : ''} foot={d ? t('queue.failedTotal', { n: count(d.totals.failed) }) : undefined} />
      <Figure label={t('queue.p95')} tip={t('queue.p95Tip')} value={d && `${duration(d.wait.p95)} / ${duration(d.run.p95)}`} foot={d ? <QualityTag quality={d.wait.quality} /> : undefined} />
    </section>
  );
}
