import { Link } from '@tanstack/react-router';
import type { LatencyHistogram, NowDoc } from '../../api/contract.ts';
import { Histogram } from '../../charts/histogram.tsx';
import { duration } from '../../domain/duration.ts';
import { count } from '../../domain/quantity.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive } from '../../live/hooks.ts';
import { Card, Skeleton } from '../../ui/index.tsx';
import { QualityTag } from '../quality-tag.tsx';

/** How long finished attempts took, wait and run together, in logarithmic buckets. */
export function LatencyCard() {
  const t = useSentence();
  const data = useLive<NowDoc, LatencyHistogram | undefined>('now', (doc) => doc?.latency);
  const window = data ? t('latency.small', { window: duration(data.window_seconds), n: count(data.count) }) : '';
  return (
    <Card className="s4" title={t('latency.title')} small={window} info={t('latency.info')} end={<Link to="/queues" search={{ sort: 'wait', dir: 'desc' }}>{t('latency.link')}</Link>}>
      {data === undefined ? <div className="chart"><Skeleton block /></div> : null}
      {data && data.count === 0 ? <div className="chart empty">{t('latency.none', { window: duration(data.window_seconds) })}</div> : null}
      {data && data.count > 0 ? (
        <Histogram
          data={data} p95Label="p95" label={t('latency.label', { n: count(data.count), p95: duration(data.p95) })}
          rangeLabel={(from, to, n) => t('latency.bucket', { from, to, n })}
        />
      ) : null}
      <div className="legend">
        {(['min', 'avg', 'p95', 'max'] as const).map((name) => (
          <span key={name} data-tip={t(`stat.${name}Tip`)}>{t(`stat.${name}`)} <b>{duration(data?.[name])}</b></span>
        ))}
        {data ? <QualityTag quality={data.quality} /> : null}
      </div>
    </Card>
  );
}
