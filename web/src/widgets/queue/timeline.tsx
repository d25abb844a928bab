import type { VigieEvent } from '../../api/contract.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { Card } from '../../ui/index.tsx';

const KNOWN = [
  'source_found', 'source_lost', 'source_recovered', 'queue_appeared', 'queue_gone', 'queue_paused', 'queue_resumed', 'worker_joined', 'worker_left',
] as const;

const wording = (type: string): MessageId => {
  const known = KNOWN.find((candidate) => candidate === type);
  return known ? `event.${known}` : 'event.other';
};

/** What happened to the queue, newest first. */
export function TimelineCard({ events }: { events: VigieEvent[] }) {
  const t = useSentence();
  return (
    <Card className="s3 fill" title={t('timeline.title')} info={t('timeline.info')}>
      <ol className="tl scroll short">
        {events.map((event) => (
          <li key={event.id} className={`e-${event.severity}`}>
            <time dateTime={event.at} data-tip={fullMoment(event.at)}>{timeOfDay(event.at)}</time>
            {t(wording(event.type), { type: event.type })}
            {event.worker || event.detail ? <span className="rec">{[event.worker ? showName(event.worker) : '', event.detail ?? ''].filter(Boolean).join(' · ')}</span> : null}
          </li>
        ))}
      </ol>
      {events.length === 0 ? <p className="empty">{t('timeline.none')}</p> : null}
    </Card>
  );
}
