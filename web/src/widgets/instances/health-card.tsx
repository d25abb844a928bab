import { Link } from '@tanstack/react-router';
import { memo, useMemo } from 'react';
import type { Rows } from '../../api/contract.ts';
import type { Instance } from '../../api/instances.ts';
import { instanceOrder, statusOf } from '../../domain/instance.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Card } from '../../ui/index.tsx';
import { useSteadyIds } from '../now/queue-status.tsx';
import { TopicPending } from '../topic-state.tsx';
import { Amount, InstanceName, InstanceState, Seconds } from './cells.tsx';

const SHOWN = 8;

const HealthRow = memo(function HealthRow({ id }: { id: string }) {
  const instance = useLive<Rows<Instance>, Instance | undefined>('instances', (doc) => doc?.rows[id]);
  if (!instance) return null;
  return (
    <tr className={instance.stale ? 'stale-row' : undefined}>
      <td className="cut"><InstanceName instance={instance} /></td>
      <td className="l cut"><InstanceState instance={instance} /></td>
      <td><Seconds value={instance.latency?.p95} /></td>
      <td className="ph"><Amount value={instance.load} /></td>
    </tr>
  );
});

/** The instances that need a look, on Now. */
export function HealthCard() {
  const t = useSentence();
  useTopic('instances');
  const rows = useLive<Rows<Instance>, Record<string, Instance> | undefined>('instances', (doc) => doc?.rows);
  const ids = useSteadyIds(useMemo(() => Object.entries(rows ?? {}).toSorted(([, a], [, b]) => instanceOrder(a, b)).slice(0, SHOWN).map(([id]) => id), [rows]));
  const all = Object.values(rows ?? {});
  return (
    <Card className="s5 fill" title={t('instances.health')} small={rows ? t('instances.small', { up: all.filter((instance) => statusOf(instance) === 'up').length, all: all.length }) : ''} info={t('instances.info')} end={<Link to="/instances">{t('instances.all')}</Link>}>
      {rows ? null : <TopicPending what={t('instances.title')} />}
      {rows ? <table className="instances" data-rows="">
        <thead><tr>
          <th scope="col">{t('instances.col.name')}</th><th scope="col" className="l">{t('instances.col.status')}</th>
          <th scope="col">{t('instances.col.p95')}</th><th scope="col" className="ph">{t('instances.col.load')}</th>
        </tr></thead>
        <tbody>{ids.map((id) => <HealthRow key={id} id={id} />)}</tbody>
      </table> : null}
      {rows && all.length === 0 ? <p className="empty">{t('instances.none')}</p> : null}
    </Card>
  );
}
