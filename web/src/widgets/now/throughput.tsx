import { ChartCard } from '../../charts/chart-card.tsx';
import { rate, rateTick } from '../../domain/quantity.ts';
import { useSentence } from '../../i18n/index.ts';
import { viewFeed } from '../../live/view-feed.ts';
import { Link } from '@tanstack/react-router';

/** Jobs a second in, out and failed, over all queues. */
export function ThroughputCard() {
  const t = useSentence();
  return (
    <ChartCard
      id="throughput" className="s4" title={t('throughput.title')} small={t('throughput.small')} info={t('throughput.info')} feed={viewFeed('now', null)}
      format={rate} formatAxis={rateTick} leastTop={1} end={<Link to="/queues">{t('queues.all')}</Link>}
      lines={[
        { label: t('line.in'), read: (track) => track.in_rate, columns: ['in_rate'], compared: true, ink: 'in', fill: true },
        { label: t('line.out'), read: (track) => track.out_rate, columns: ['out_rate'], compared: true, ink: 'out' },
        { label: t('line.failed'), read: (track) => track.failed_rate, columns: ['failed_rate'], ink: 'crit', dash: [4, 3] },
      ]}
    />
  );
}
