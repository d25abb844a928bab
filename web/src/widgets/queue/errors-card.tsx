import { useMemo, useState } from 'react';
import { errorGroups, type ErrorGroup } from '../../domain/error-groups.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { count } from '../../domain/quantity.ts';
import { showName, showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card, Mark } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { FailedPending, type FailedAnswer } from './failed-answer.tsx';
import './failed.css';
import { linesAround } from './lines-around.ts';

const SHOWN_TYPES = 2;

function Types({ types }: { types: string[] }) {
  const t = useSentence();
  if (types.length === 0) return <span data-tip={t('absent.type')}>–</span>;
  const more = types.length - SHOWN_TYPES;
  return (
    <span data-tip={more > 0 ? types.map(showName).join('\n') : undefined}>
      {types.slice(0, SHOWN_TYPES).map((type, i) => <span key={type}>{i > 0 ? ', ' : ''}<bdi className="name">{showName(type)}</bdi></span>)}
      {more > 0 ? ` +${count(more)}` : ''}
    </span>
  );
}

function GroupRow({ group, queue }: { group: ErrorGroup; queue: string }) {
  const t = useSentence();
  const [open, setOpen] = useState(false);
  const { example, forGood, types } = group;
  const id = showName(example.id);
  return (
    <>
      <tr>
        <td className="l failed-error"><div>
          <Mark tone={forGood > 0 ? 'critical' : 'warning'} label={t(forGood > 0 ? 'failed.state.failed' : 'failed.state.retry')} />
          {group.text === null ? <span className="dim">{t('failed.noError')}</span> : (
            <button type="button" aria-expanded={open} data-tip={open ? undefined : t('errorGroups.example')} onClick={() => setOpen(!open)}>{showText(group.text)}</button>
          )}
        </div></td>
        <td data-tip={t('errorGroups.countTip', { n: group.count, good: forGood })}><b>{count(group.count)}</b></td>
        <td className="l cut ph"><Types types={types} /></td>
        <td className="l ph">{example.time ? <time dateTime={example.time} data-tip={fullMoment(example.time)}>{timeOfDay(example.time)}</time> : <span data-tip={t('absent.figure')}>–</span>}</td>
        <td className="l cut mono"><LinesLink of={{ queue, job: example.id, ...linesAround(example) }} tip={t('lines.ofJob', { id })}>{id}</LinesLink></td>
      </tr>
      {open && example.error ? (
        <>
          <tr className="only-phone"><td colSpan={3} className="l"><pre>{showText(example.error)}</pre></td></tr>
          <tr><td colSpan={5} className="l ph"><pre>{showText(example.error)}</pre></td></tr>
        </>
      ) : null}
    </>
  );
}

/** What the newest failed jobs failed of, each error once, with the newest job as its example. */
export function ErrorsCard({ answer, queue }: { answer: FailedAnswer; queue: string }) {
  const t = useSentence();
  const { jobs } = answer;
  const groups = useMemo(() => errorGroups(jobs ?? []), [jobs]);
  return (
    <Card className="s12" title={t('errorGroups.title')} small={jobs && jobs.length > 0 ? t('errorGroups.small', { n: groups.length, jobs: jobs.length }) : ''} info={t('errorGroups.info')}>
      <FailedPending answer={answer} />
      {jobs?.length === 0 ? <p className="empty">{t('failed.none')}</p> : null}
      {groups.length > 0 ? (
        // A region that scrolls has to be reachable without a mouse.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="scroll tall-list" tabIndex={0} role="region" aria-label={t('errorGroups.info')}>
          <table className="failed error-groups">
            <thead className="stick">
              <tr>
                <th scope="col" className="l">{t('failed.col.error')}</th><th scope="col" className="f-count">{t('errorGroups.jobs')}</th>
                <th scope="col" className="l ph f-types">{t('types.title')}</th><th scope="col" className="l ph f-time">{t('errorGroups.newest')}</th>
                <th scope="col" className="l f-job">{t('errorGroups.exampleJob')}</th>
              </tr>
            </thead>
            <tbody>{groups.map((group) => <GroupRow key={group.text} group={group} queue={queue} />)}</tbody>
          </table>
        </div>
      ) : null}
    </Card>
  );
}
