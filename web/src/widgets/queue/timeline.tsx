import { useSyncExternalStore } from 'react';
import type { QueueAddress } from '../../api/client.ts';
import type { VigieEvent } from '../../api/contract.ts';
import { eventTypeName, eventWords } from '../../domain/event.ts';
import { eventTarget } from '../../domain/event-target.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { eventFeed } from '../../live/event-feed.ts';
import { Card } from '../../ui/index.tsx';
import { EventSubject } from '../events/subject.tsx';

/** The page itself is about one queue: its events need not name it again. */
const isAboutThis = (event: VigieEvent): boolean => eventTarget(event).page === 'queue';

const MOST = 100;

/** What happened to the queue, and around it, newest first: what the marks on the charts say. */
export function TimelineCard({ address }: { address: QueueAddress }) {
  const t = useSentence();
  const feed = eventFeed(address);
  const version = useSyncExternalStore(feed.watch, feed.read);
  const events = feed.events.slice(0, MOST);
  return (
    <Card className="s3 fill" title={t('timeline.title')} info={t('timeline.info')}>
      <ol className="tl scroll short">
        {events.map((event) => (
          <li key={event.id} className={`e-${event.severity}`}>
            <time dateTime={event.time} data-tip={fullMoment(event.time)}>{timeOfDay(event.time)}</time>
            {eventTypeName(event.type)} {isAboutThis(event) ? null : <EventSubject event={event} />}
            {eventWords(event) ? <span className="rec">{showText(eventWords(event))}</span> : null}
          </li>
        ))}
      </ol>
      {version > 0 && events.length === 0 ? <p className="empty">{t('timeline.none')}</p> : null}
    </Card>
  );
}
