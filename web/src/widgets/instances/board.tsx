import { memo, useMemo } from 'react';
import type { Rows } from '../../api/contract.ts';
import type { Instance, InstanceStatus } from '../../api/instances.ts';
import { calledOf, instanceMatches, statusOf } from '../../domain/instance.ts';
import { INSTANCE_STATUSES, type InstanceSort } from '../../domain/instance-look.ts';
import { instancesBy } from '../../domain/instance-sort.ts';
import type { Direction } from '../../domain/order.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Card, ScrollX, Segmented } from '../../ui/index.tsx';
import { SortHead } from '../../ui/sort-head.tsx';
import { useSteadyIds } from '../now/queue-status.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { TopicPending, TopicStale } from '../topic-state.tsx';
import { SinceCell } from '../workers/worker-table.tsx';
import { Amount, InstanceName, InstanceState, Seconds, Told } from './cells.tsx';

/** What a press on a head sorts by, and from where first: what is worst or longest to the top; a name begins with A. */
const HEADS: readonly [label: MessageId, tip: MessageId, className: string, sort?: Exclude<InstanceSort, 'worst'>, first?: Direction][] = [
  ['instances.col.name', 'instances.col.nameTip', 'w-instance', 'name', 'asc'],
  ['instances.col.status', 'instances.col.statusTip', 'l', 'status', 'desc'],
  ['instances.col.since', 'instances.col.sinceTip', 'ph', 'since', 'asc'],
  ['instances.col.p50', 'instances.col.p50Tip', 'ph', 'p50', 'desc'],
  ['instances.col.p95', 'instances.col.p95Tip', '', 'p95', 'desc'],
  ['instances.col.load', 'instances.col.loadTip', 'ph', 'load', 'desc'],
  ['instances.col.version', 'instances.col.versionTip', 'l ph', 'version', 'asc'],
  ['instances.col.restarts', 'instances.col.restartsTip', 'ph', 'restarts', 'desc'],
  ['instances.col.views', 'instances.col.viewsTip', 'l ph'],
  ['instances.col.error', 'instances.col.errorTip', 'l ph w-error'],
];

interface InstancesLook {
  filter: string;
  status: InstanceStatus | 'all';
  role: string;
  sort: InstanceSort;
  direction: Direction;
}
interface InstancesChange {
  q?: string | undefined;
  status?: InstanceStatus | undefined;
  role?: string | undefined;
  sort?: InstanceSort | undefined;
  dir?: Direction | undefined;
}

function Lines({ of }: { of: Instance }) {
  const t = useSentence();
  const instance = calledOf(of);
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
          <Lines of={instance} />
          {why ? <span className="reason" data-tip={why}>{why}</span> : null}
        </td>
      </tr>
      {/* A phone has no room for the column, and the reason is what one opens the page for. */}
      {why ? <tr className="only-phone"><td colSpan={3} className="l reason-row"><Lines of={instance} />{why}</td></tr> : null}
    </>
  );
});

function Heads({ look, onChange }: { look: InstancesLook; onChange: (change: InstancesChange) => void }) {
  const t = useSentence();
  return (
    <tr>
      {HEADS.map(([label, tip, className, sort, first]) => (sort && first ? (
        <SortHead
          key={label} label={t(label)} tip={t(tip)} className={className} first={first} active={look.sort === sort ? look.direction : null}
          onSort={(direction) => onChange(direction === null ? { sort: undefined, dir: undefined } : { sort, dir: direction })}
        />
      ) : <th key={label} scope="col" className={className}><button type="button" data-tip={t(tip)}>{t(label)}</button></th>))}
    </tr>
  );
}

/** What there is to choose from, and how many of each: of those that the rest of the choice leaves. */
function Choice(props: { all: Instance[]; look: InstancesLook; onChange: (change: InstancesChange, replace?: boolean) => void }) {
  const t = useSentence();
  const { all, look, onChange } = props;
  const roles = [...new Set([...all.map(({ role }) => role), ...(look.role ? [look.role] : [])])].toSorted();
  const others = all.filter((instance) => fits(instance, { ...look, status: 'all' }));
  const count = (status: InstanceStatus) => others.filter((instance) => statusOf(instance) === status).length;
  return (
    <>
      <input className="field" type="search" data-filter="" aria-label={t('instances.filter')} placeholder={t('instances.filter')} value={look.filter} onChange={(event) => onChange({ q: event.target.value || undefined }, true)} />
      <Segmented
        label={t('instances.col.status')} value={look.status} onChange={(status) => onChange({ status: status === 'all' ? undefined : status })}
        options={[
          { value: 'all', label: t('instances.any', { n: others.length }) },
          ...INSTANCE_STATUSES.map((status) => ({ value: status, label: t('instances.of', { status: t(`instances.${status}`), n: count(status) }) })),
        ]}
      />
      {roles.length > 1 ? (
        <select className="field" aria-label={t('instances.role')} value={look.role} onChange={(event) => onChange({ role: event.target.value || undefined })}>
          <option value="">{t('instances.anyRole')}</option>
          {roles.map((role) => <option key={role} value={role}>{showName(role)}</option>)}
        </select>
      ) : null}
      {look.sort === 'worst' ? null : <button type="button" className="btn quiet" onClick={() => onChange({ sort: undefined, dir: undefined })}>{t('queues.worstFirst')}</button>}
    </>
  );
}

const fits = (instance: Instance, { filter, status, role }: InstancesLook): boolean =>
  (status === 'all' || statusOf(instance) === status) && (role === '' || instance.role === role) && instanceMatches(instance, filter.trim());

/** Every process behind a service: how it is, since when, how fast, and what is wrong with it. */
export function InstancesBoard({ onChange, ...look }: InstancesLook & { onChange: (change: InstancesChange, replace?: boolean) => void }) {
  const t = useSentence();
  useTopic('instances');
  const rows = useLive<Rows<Instance>, Record<string, Instance> | undefined>('instances', (doc) => doc?.rows);
  const { filter, status, role, sort, direction } = look;
  const sorted = useMemo(() => {
    const order = instancesBy(sort, direction);
    return Object.entries(rows ?? {}).filter(([, instance]) => fits(instance, { filter, status, role, sort, direction })).toSorted(([, a], [, b]) => order(a, b)).map(([id]) => id);
  }, [rows, filter, status, role, sort, direction]);
  const ids = useSteadyIds(sorted);
  const all = Object.values(rows ?? {});
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('nav.instances')}</h1>
        <Choice all={all} look={look} onChange={onChange} />
        <span className="dim end" aria-live="polite">{rows ? t('instances.shown', { shown: ids.length, all: all.length }) : ''}</span>
      </div>
      <Card className="s12" title={t('instances.title')} small={rows ? t('instances.small', { up: all.filter((instance) => statusOf(instance) === 'up').length, all: all.length }) : ''} info={t('instances.info')} end={rows ? <TopicStale /> : null}>
        {rows ? (
          <ScrollX label={t('instances.health')}>
            <table className="instances" data-rows="">
              <thead><Heads look={look} onChange={onChange} /></thead>
              <tbody>{ids.map((id) => <InstanceRow key={id} id={id} />)}</tbody>
            </table>
          </ScrollX>
        ) : <TopicPending what={t('instances.title')} />}
        {rows && ids.length === 0 ? (
          <p className="empty">{t(all.length === 0 ? 'instances.none' : 'instances.noMatch')}{all.length > 0 ? <> <button type="button" className="btn" onClick={() => onChange({ q: undefined, status: undefined, role: undefined })}>{t('instances.anyAgain')}</button></> : null}</p>
        ) : null}
      </Card>
    </div>
  );
}
