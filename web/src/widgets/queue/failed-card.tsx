import { memo, useState } from 'react';
import type { LiveQueue } from '../../api/contract.ts';
import type { FailedJob } from '../../api/failed.ts';
import { duration } from '../../domain/duration.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { count } from '../../domain/quantity.ts';
import { showName, showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card, Mark } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { FailedPending, type FailedAnswer } from './failed-answer.tsx';
import './failed.css';
import { linesAround } from './lines-around.ts';

function Attempts({ job }: { job: FailedJob }) {
  const t = useSentence();
  if (typeof job.attempt !== 'number') return <span data-tip={t('absent.figure')}>–</span>;
  return <span data-tip={typeof job.attempts === 'number' ? t('failed.attemptsTip', { n: job.attempt, of: job.attempts }) : undefined}>{count(job.attempt)}{typeof job.attempts === 'number' ? `/${count(job.attempts)}` : ''}</span>;
}

function Who({ job }: { job: FailedJob }) {
  const t = useSentence();
  const name = job.instance ?? job.worker;
  if (!name) return <span data-tip={t('failed.noWorker')}>–</span>;
  const shown = <bdi className="name">{showName(name)}</bdi>;
  return job.instance ? <LinesLink of={{ instance: job.instance, ...linesAround(job) }} tip={t('failed.instanceLines', { name: showName(job.instance) })}>{shown}</LinesLink> : shown;
}

const FailedRow = memo(function FailedRow({ job, queue, open, onToggle }: { job: FailedJob; queue: string; open: boolean; onToggle: (id: string) => void }) {
  const t = useSentence();
  const id = showName(job.id);
  const error = job.error ? showText(job.error) : null;
  const absent = t(job.too_long ? 'failed.tooLong' : 'failed.noError');
  const press = error ? (
    <button type="button" aria-expanded={open} data-tip={open ? undefined : t('failed.whole')} onClick={() => onToggle(job.id)}>{error.replaceAll('\n', ' ⏎ ')}</button>
  ) : <span className="dim">{absent}</span>;
  return (
    <>
      <tr>
        <td className="l">{job.time ? <time dateTime={job.time} data-tip={fullMoment(job.time)}>{timeOfDay(job.time)}</time> : <span data-tip={t('absent.figure')}>–</span>}</td>
        <td className="l cut">{job.type ? <bdi className="name q">{showName(job.type)}</bdi> : <span data-tip={t('absent.type')}>–</span>}</td>
        <td className="l cut mono"><LinesLink isRow of={{ queue, job: job.id, ...linesAround(job) }} tip={t('lines.ofJob', { id })}>{id}</LinesLink></td>
        <td><Mark tone={job.state === 'failed' ? 'critical' : 'warning'} label={t(`failed.state.${job.state}`)} /><Attempts job={job} /></td>
        <td className="l cut ph failed-error">{press}</td>
        <td className="l cut ph"><Who job={job} /></td>
        <td className="ph" data-tip={typeof job.wait_seconds === 'number' ? undefined : t('absent.figure')}>{duration(job.wait_seconds)}</td>
        <td className="ph" data-tip={typeof job.run_seconds === 'number' ? undefined : t('absent.figure')}>{duration(job.run_seconds)}</td>
        <td className="l ph"><LinesLink of={job.trace ? { trace: job.trace, ...linesAround(job) } : { queue, job: job.id, ...linesAround(job) }} tip={job.trace ? t('failed.traceTip', { trace: job.trace }) : undefined}>{t(job.trace ? 'failed.trace' : 'failed.lines')}</LinesLink></td>
      </tr>
      {/* A phone has no room for the column, and the error is what one opens the page for. */}
      <tr className="only-phone"><td colSpan={4} className="l reason-row failed-error">{press}</td></tr>
      {open && error ? (
        <>
          <tr className="only-phone"><td colSpan={4} className="l"><pre>{error}</pre></td></tr>
          <tr><td colSpan={9} className="l ph"><pre>{error}</pre></td></tr>
        </>
      ) : null}
    </>
  );
});

const HEADS = [
  ['failed.col.time', 'l f-time'], ['types.type', 'l f-type'], ['active.job', 'l f-job'], ['failed.col.attempt', 'f-attempt'], ['failed.col.error', 'l ph'],
  ['failed.col.worker', 'l ph f-who'], ['types.wait', 'ph f-figure'], ['types.run', 'ph f-figure'],
] as const;

/** The jobs that failed last, and of what; each leads to its lines and to its trace. */
export function FailedCard({ answer, detail }: { answer: FailedAnswer; detail: LiveQueue }) {
  const t = useSentence();
  const { jobs, unseen, fault } = answer;
  const [open, setOpen] = useState<string | null>(null);
  const kept = (detail.failed ?? 0) + (detail.retry ?? 0);
  return (
    <Card
      className="s12" title={t('failed.title')} small={jobs ? t('failed.small', { shown: jobs.length, all: count(Math.max(kept, jobs.length)) }) : ''} info={t('failed.info')}
      end={<>{jobs && fault ? <span className="tag gap" data-tip={fault}>{t('row.stale')}</span> : null}<LinesLink of={{ queue: detail.queue, level: 'error' }}>{t('failed.all')}</LinesLink></>}
    >
      <FailedPending answer={answer} />
      {jobs?.length === 0 ? <p className="empty">{t('failed.none')}</p> : null}
      {jobs && jobs.length > 0 ? (
        // A region that scrolls has to be reachable without a mouse.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="scroll tall-list" tabIndex={0} role="region" aria-label={t('failed.info')}>
          <table className="failed" data-rows="">
            <thead className="stick"><tr>{HEADS.map(([label, className]) => <th key={label} scope="col" className={className}>{t(label)}</th>)}<th scope="col" className="l ph f-way"><span className="sr">{t('failed.lines')}</span></th></tr></thead>
            <tbody>
              {jobs.map((job) => <FailedRow key={job.id} job={job} queue={detail.queue} open={open === job.id} onToggle={(id) => setOpen(open === id ? null : id)} />)}
            </tbody>
          </table>
        </div>
      ) : null}
      {jobs && unseen > 0 ? <p className="note dim">{t('failed.unseen', { n: unseen })}</p> : null}
    </Card>
  );
}
