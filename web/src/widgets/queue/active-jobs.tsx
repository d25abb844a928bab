import type { LiveQueue } from '../../api/contract.ts';
import { count } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { SinceCell } from '../workers/worker-table.tsx';

const SHOWN = 50;

/** What is being worked on right now, the longest first. */
export function ActiveJobsCard({ detail }: { detail: LiveQueue }) {
  const t = useSentence();
  const jobs = (detail.active_jobs ?? []).toSorted((a, b) => (a.since ?? '9') < (b.since ?? '9') ? -1 : 1).slice(0, SHOWN);
  return (
    <Card className="s5 fill" title={t('active.title')} small={t('active.small', { shown: jobs.length, all: count(detail.active) })} info={t('active.info')} end={<LinesLink of={{ queue: detail.queue }}>{t('queue.lines')}</LinesLink>}>
      {/* A region that scrolls has to be reachable without a mouse. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="scroll short" tabIndex={0} role="region" aria-label={t('active.info')}>
        <table>
          <thead><tr><th scope="col">{t('active.job')}</th><th scope="col" className="l">{t('types.type')}</th><th scope="col">{t('active.for')}</th></tr></thead>
          <tbody>
            {jobs.map((job) => (
              <tr key={job.id}>
                <td className="cut mono"><LinesLink of={{ queue: detail.queue, job: job.id }} tip={t('lines.ofJob', { id: showName(job.id) })}>{showName(job.id)}</LinesLink></td>
                <td className="l cut">{job.type ? <bdi className="name">{showName(job.type)}</bdi> : <span data-tip={t('absent.type')}>–</span>}</td>
                <td>{job.since ? <SinceCell at={job.since} /> : <span data-tip={t('absent.since')}>–</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {jobs.length === 0 ? <p className="empty">{t((detail.active ?? 0) > 0 ? 'active.untold' : 'active.none')}</p> : null}
      </div>
    </Card>
  );
}
