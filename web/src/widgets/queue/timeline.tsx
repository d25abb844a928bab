import type { VigieEvent } from '../../api/contract.ts';
import { eventWording } from '../../domain/event.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card } from '../../ui/index.tsx';

/** What happened to the queue, newest first. */
export function TimelineCard({ events }: { events: VigieEvent[] }) {
  const t = useSentence();
  return (
    <Card className="s3 fill" title={t('timeline.title')} info={t('timeline.info')}>
      <ol className="tl scroll short">
        {events.map((event) => (
          <li key={event.id} className={`e-${event.severity}`}>
            <time dateTime={event.at} data-tip={fullMoment(event.at)}>{timeOfDay(event.at)}</time>
            {t(eventWording(event.type), { type: event.type })}
            {event.worker || event.detail ? <span className="rec">{[event.worker ? showName(event.worker) : '', event.detail ?? ''].filter(Boolean).join(' · ')}</span> : null}
          </li>
        ))}
      </ol>
      {events.length === 0 ? <p className="empty">{t('timeline.none')}</p> : null}
    </Card>
  );
}
