import { memo, useMemo, useSyncExternalStore } from 'react';
import type { Rows } from '../../api/contract.ts';
import type { Instance } from '../../api/instances.ts';
import { instanceMatches, instanceOrder } from '../../domain/instance.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { readFeatures, watchFeatures } from '../../live/features.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Card, ScrollX, Skeleton } from '../../ui/index.tsx';
import { useSteadyIds } from '../now/queue-status.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { SinceCell } from '../workers/worker-table.tsx';
import { Amount, InstanceName, InstanceState, Seconds, Told } from './cells.tsx';

const HEADS: readonly [label: MessageId, tip: MessageId, className: string][] = [
  ['instances.col.name', 'instances.col.nameTip', 'w-instance'],
  ['instances.col.status', 'instances.col.statusTip', 'l'],
  ['instances.col.since', 'instances.col.sinceTip', 'ph'],
  ['instances.col.p50', 'instances.col.p50Tip', 'ph'],
  ['instances.col.p95', 'instances.col.p95Tip', ''],
  ['instances.col.load', 'instances.col.loadTip', 'ph'],
  ['instances.col.version', 'instances.col.versionTip', 'l ph'],
  ['instances.col.restarts', 'instances.col.restartsTip', 'ph'],
  ['instances.col.views', 'instances.col.viewsTip', 'l ph'],
  ['instances.col.error', 'instances.col.errorTip', 'l ph w-error'],
];

function Lines({ instance }: { instance: string }) {
  const t = useSentence();
  return <LinesLink of={{ instance }} className="lines" tip={t('instances.linesTip', { name: showName(instance) })}>{t('instances.lines')}</LinesLink>;
}

const InstanceRow = memo(function InstanceRow({ id }: { id: string }) {
  const t = useSentence();
  const instance = useLive<Rows<Instance>, Instance | undefined>('instances', (doc) => doc?.rows[id]);
  if (!instance) return null;
  const { since, latency, load, version, restarts, balancer, probe, disagree } = instance;
  const why = instance.error ? inWords(instance.error) : '';
  return (
    <>
      <tr className={instance.stale ? 'stale-row' : undefined}>
        <td className="cut"><InstanceName instance={instance} /></td>
        <td className="l cut"><InstanceState instance={instance} /></td>
        <td className="ph">{since ? <SinceCell at={since} /> : <Told>{null}</Told>}</td>
        <td className="ph"><Seconds value={latency?.p50} /></td>
        <td><Seconds value={latency?.p95} /></td>
        <td className="ph"><Amount value={load} /></td>
        <td className="l ph cut"><Told>{version ? showName(version) : null}</Told></td>
        <td className="ph">{typeof restarts === 'number' && restarts > 0 ? <b>{restarts}</b> : <Amount value={restarts} />}</td>
        <td className={`l ph cut ${disagree ? 'warn' : ''}`}>{balancer || probe ? t('instances.views', { balancer: balancer ?? '–', probe: probe ? inWords(probe) : '–' }) : <Told>{null}</Told>}</td>
        <td className="l ph cut w-error">
          <Lines instance={instance.instance} />
          {why ? <span className="reason" data-tip={why}>{why}</span> : null}
        </td>
      </tr>
      {/* A phone has no room for the column, and the reason is what one opens the page for. */}
      {why ? <tr className="only-phone"><td colSpan={3} className="l reason-row"><Lines instance={instance.instance} />{why}</td></tr> : null}
    </>
  );
});

/** Every process behind a service: how it is, since when, how fast, and what is wrong with it. */
export function InstancesBoard(props: { filter: string; onFilter: (filter: string) => void }) {
  const t = useSentence();
  const { instances } = useSyncExternalStore(watchFeatures, readFeatures);
  useTopic(instances ? 'instances' : null);
  const rows = useLive<Rows<Instance>, Record<string, Instance> | undefined>('instances', (doc) => doc?.rows);
  const sorted = useMemo(
    () => Object.entries(rows ?? {}).filter(([, instance]) => instanceMatches(instance, props.filter.trim())).toSorted(([, a], [, b]) => instanceOrder(a, b)).map(([id]) => id),
    [rows, props.filter],
  );
  const ids = useSteadyIds(sorted);
  const all = Object.values(rows ?? {});
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('nav.instances')}</h1>
        <input className="field" type="search" data-filter="" aria-label={t('instances.filter')} placeholder={t('instances.filter')} value={props.filter} onChange={(event) => props.onFilter(event.target.value)} />
        <span className="dim end" aria-live="polite">{t('instances.shown', { shown: ids.length, all: all.length })}</span>
      </div>
      <Card className="s12" title={t('instances.title')} small={rows ? t('instances.small', { up: all.filter(({ status, stale }) => status === 'up' && !stale).length, all: all.length }) : ''} info={t('instances.info')}>
        {rows ? (
          <ScrollX label={t('instances.health')}>
            <table className="instances" data-rows="">
              <thead><tr>{HEADS.map(([label, tip, className]) => <th key={label} scope="col" className={className}><button type="button" data-tip={t(tip)}>{t(label)}</button></th>)}</tr></thead>
              <tbody>{ids.map((id) => <InstanceRow key={id} id={id} />)}</tbody>
            </table>
          </ScrollX>
        ) : <div className="note"><Skeleton width="100%" /></div>}
        {rows && ids.length === 0 ? <p className="empty">{t(all.length === 0 ? 'instances.none' : 'instances.noMatch')}</p> : null}
      </Card>
    </div>
  );
}
