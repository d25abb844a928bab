import type { JobType, LiveQueue, Stat } from '../../api/contract.ts';
import { duration } from '../../domain/duration.ts';
import { count } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card, ScrollX } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { QualityTag } from '../quality-tag.tsx';

const STATS = ['avg', 'min', 'max', 'p50', 'p95', 'p99'] as const;
/** What a narrow screen keeps. */
const KEPT: ReadonlySet<string> = new Set(['p95']);

function StatCells({ stat, first }: { stat: Stat; first: boolean }) {
  const t = useSentence();
  return <>{STATS.map((name, i) => <td key={name} data-tip={typeof stat[name] === 'number' ? undefined : t('absent.figure')} className={`${KEPT.has(name) ? '' : 'ph'} ${i === 0 && first ? 'edge' : ''}`}>{duration(stat[name])}</td>)}</>;
}

function TypeRow({ type, queue }: { type: JobType; queue: string }) {
  const t = useSentence();
  return (
    <tr>
      <td className="cut"><bdi className="name q">{showName(type.type)}</bdi></td>
      <td>{count(type.succeeded)}</td>
      <td className={type.failed > 0 ? 'warn' : ''}>{type.failed > 0 ? <LinesLink of={{ queue, level: 'error' }} tip={t('types.lines', { queue: showName(queue) })}>{count(type.failed)}</LinesLink> : count(type.failed)}</td>
      <StatCells stat={type.wait} first />
      <StatCells stat={type.run} first />
      <td className="ph"><QualityTag quality={type.run.quality} /></td>
    </tr>
  );
}

/** What kinds of job pass through, how they end and how long they take. */
export function TypesCard({ detail }: { detail: LiveQueue }) {
  const t = useSentence();
  const types = (detail.types ?? []).toSorted((a, b) => b.succeeded + b.failed - (a.succeeded + a.failed) || (a.type < b.type ? -1 : 1));
  return (
    <Card className="s12" title={t('types.title')} small={t('types.small', { window: duration(detail.run.window_seconds) })} info={t('types.info')}>
      <ScrollX label={t('types.info')}>
        <table className="types">
          <thead>
            <tr className="over"><th colSpan={3} aria-hidden="true" /><th colSpan={STATS.length} scope="colgroup" className="edge">{t('types.wait')}</th><th colSpan={STATS.length} scope="colgroup" className="edge">{t('types.run')}</th><th className="ph" aria-hidden="true" /></tr>
            <tr>
              <th scope="col">{t('types.type')}</th><th scope="col">{t('types.succeeded')}</th><th scope="col">{t('types.failed')}</th>
              {(['wait', 'run'] as const).flatMap((part) => STATS.map((name, i) => (
                <th key={`${part} ${name}`} scope="col" className={`${KEPT.has(name) ? '' : 'ph'} ${i === 0 ? 'edge' : ''}`} data-tip={t(`stat.${name}Tip`)}><span className="phone-word">{t(`types.${part}`)} </span>{t(`stat.${name}`)}</th>
              )))}
              <th scope="col" className="ph"><span className="sr">{t('types.quality')}</span></th>
            </tr>
          </thead>
          <tbody>{types.map((type) => <TypeRow key={type.type} type={type} queue={detail.queue} />)}</tbody>
        </table>
      </ScrollX>
      {types.length === 0 ? <p className="empty">{t('types.none')}</p> : null}
    </Card>
  );
}
