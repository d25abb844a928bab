import type { VigieEvent } from '../../api/contract.ts';
import { eventQueue, eventSubject, eventWording, eventWords } from '../../domain/event.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card } from '../../ui/index.tsx';

/** What is not said by the page itself, which is about one queue. */
const recordOf = (event: VigieEvent): string => {
  const subject = eventSubject(event);
  return [subject === eventQueue(event)?.queue ? '' : showName(subject), eventWords(event)].filter(Boolean).join(' · ');
};

/** What happened to the queue, newest first. */
export function TimelineCard({ events }: { events: VigieEvent[] }) {
  const t = useSentence();
  return (
    <Card className="s3 fill" title={t('timeline.title')} info={t('timeline.info')}>
      <ol className="tl scroll short">
        {events.map((event) => (
          <li key={event.id} className={`e-${event.severity}`}>
            <time dateTime={event.time} data-tip={fullMoment(event.time)}>{timeOfDay(event.time)}</time>
            {t(eventWording(event.type), { type: event.type })}
            {recordOf(event) ? <span className="rec">{recordOf(event)}</span> : null}
          </li>
        ))}
      </ol>
      {events.length === 0 ? <p className="empty">{t('timeline.none')}</p> : null}
    </Card>
  );
}
