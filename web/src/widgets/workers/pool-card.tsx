import { Link } from '@tanstack/react-router';
import { ChartCard } from '../../charts/chart-card.tsx';
import type { NowDoc } from '../../api/contract.ts';
import { count } from '../../domain/quantity.ts';
import { useSentence } from '../../i18n/index.ts';
import { viewFeed } from '../../live/view-feed.ts';
import { useLive } from '../../live/hooks.ts';

/** How many work, how many could, how many do: scaling is drawn as steps. */
export function PoolCard(props: { className?: string; linked?: boolean }) {
  const t = useSentence();
  const untold = useLive<NowDoc, boolean>('now', (doc) => Boolean(doc?.overview?.workers) && typeof doc?.overview?.capacity !== 'number');
  return (
    <ChartCard
      id="pool" className={props.className ?? ''} title={t('pool.title')} small={t('pool.small')} info={t('pool.info')} feed={viewFeed('now', null)}
      format={count} leastTop={2} end={props.linked ? <Link to="/workers">{t('pool.link')}</Link> : null}
      foot={untold ? <span className="dim">{t('pool.untold')}</span> : null}
      lines={[
        { label: t('line.capacity'), read: (track) => track.capacity, columns: ['capacity'], ink: 'ink-3', stepped: true },
        { label: t('line.busy'), read: (track) => track.busy, columns: ['busy'], compared: true, ink: 'in', stepped: true, fill: true },
        { label: t('line.workers'), read: (track) => track.workers, columns: ['workers'], ink: 'third', stepped: true, dash: [5, 3] },
      ]}
    />
  );
}
