import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { VigieEvent } from '../../api/contract.ts';
import { chartView } from '../../charts/view.ts';
import { eventRuns, eventSubject, eventTypeName, eventWords } from '../../domain/event.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { eventFeed } from '../../live/event-feed.ts';
import { Fault, Segmented, Skeleton } from '../../ui/index.tsx';
import { EventSubject } from './subject.tsx';

type Loud = 'any' | 'warning' | 'critical';
interface EventsChange {
  q?: string | undefined;
  type?: string | undefined;
  loud?: 'warning' | 'critical' | undefined;
}

const SHOWN_AT_FIRST = 300;
const PENDING = 8;
/** So many of a run are named. */
const NAMED = 6;
const LOUDNESS = { ok: 0, info: 0, warning: 1, critical: 2 } as const;
const LEAST: Record<Loud, number> = { any: 0, warning: 1, critical: 2 };

const hits = (event: VigieEvent, words: string): boolean => {
  const text = [event.type, event.source, event.subject, event.message, ...Object.values(event.fields ?? {})].join(' ').toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};

function EventLine({ event }: { event: VigieEvent }) {
  // The words of an event are those of the language on the screen, which may change.
  useSentence();
  const words = eventWords(event);
  return (
    <li className={`e-${event.severity}`}>
      <time dateTime={event.time} data-tip={fullMoment(event.time)}>{timeOfDay(event.time)}</time>
      <b>{eventTypeName(event.type)}</b>{' '}
      <EventSubject event={event} />
      {event.source ? <span className="src">{showName(event.source)}</span> : null}
      {words ? <span className="rec">{words}</span> : null}
    </li>
  );
}

/** Many of one sort: who they are about, and each of them at a press. */
function RunLine({ run }: { run: readonly [VigieEvent, ...VigieEvent[]] }) {
  const t = useSentence();
  const [newest] = run;
  const about = [...new Set(run.map((event) => showName(eventSubject(event))))];
  return (
    <li className="run">
      <details>
        <summary data-row="">
          <time dateTime={newest.time} data-tip={fullMoment(newest.time)}>{timeOfDay(newest.time)}</time>
          <b>{eventTypeName(newest.type)}</b> <span className="tag">{t('events.times', { n: run.length })}</span>
          {newest.source ? <span className="src">{showName(newest.source)}</span> : null}
          <span className="rec">{about.slice(0, NAMED).join(', ')}{about.length > NAMED ? ' …' : ''}</span>
        </summary>
        <ol className="tl">{run.map((event) => <EventLine key={event.id} event={event} />)}</ol>
      </details>
    </li>
  );
}

/** The events of what the page looks at, newest first; new ones come by themselves. */
function useEvents(): { events: VigieEvent[]; loaded: boolean; error: string | null; reload: () => void } {
  const feed = eventFeed(null);
  const version = useSyncExternalStore(feed.watch, feed.read);
  const [look, setLook] = useState(() => ({ zoom: chartView.zoom, seconds: chartView.rangeSeconds }));
  useEffect(() => chartView.watch(() => setLook({ zoom: chartView.zoom, seconds: chartView.rangeSeconds })), []);
  return useMemo(() => {
    const to = look.zoom?.to ?? Infinity;
    const from = look.zoom?.from ?? feed.now() - look.seconds;
    const events = feed.events.filter(({ time }) => Date.parse(time) / 1_000 >= from && Date.parse(time) / 1_000 <= to);
    return { events, loaded: version > 0, error: feed.error, reload: feed.reload };
  }, [feed, version, look]);
}

/** One timeline of all that happened. */
export function EventsBoard(props: { filter: string; type: string; loud: Loud; onChange: (change: EventsChange) => void }) {
  const t = useSentence();
  const { events, loaded, error, reload } = useEvents();
  const [most, setMost] = useState(SHOWN_AT_FIRST);
  const { filter, type, loud } = props;
  const types = useMemo(() => [...new Set([...events.map((event) => event.type), ...(type ? [type] : [])])].toSorted(), [events, type]);
  const shown = events.filter((event) => (type === '' || event.type === type) && LOUDNESS[event.severity] >= LEAST[loud] && hits(event, filter.trim()));
  // Whoever looks for some of them wants to see each.
  const runs = type === '' && filter.trim() === '' ? eventRuns(shown.slice(0, most)) : shown.slice(0, most).map((event) => [event]);
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('nav.events')}</h1>
        <input className="field" type="search" data-filter="" aria-label={t('events.filter')} placeholder={t('events.filter')} value={filter} onChange={(event) => props.onChange({ q: event.target.value || undefined })} />
        <select className="field" aria-label={t('events.type')} value={type} onChange={(event) => props.onChange({ type: event.target.value || undefined })}>
          <option value="">{t('events.anyType')}</option>
          {types.map((each) => <option key={each} value={each}>{eventTypeName(each)}</option>)}
        </select>
        <Segmented label={t('events.severity')} value={loud} onChange={(value) => props.onChange({ loud: value === 'any' ? undefined : value })} options={[
          { value: 'any', label: t('events.any') }, { value: 'warning', label: t('events.warning') }, { value: 'critical', label: t('events.critical') },
        ]} />
        <span className="dim end" aria-live="polite">{loaded ? t('events.shown', { shown: shown.length, all: events.length }) : ''}</span>
      </div>
      <section className="card s12 timeline-page" aria-label={t('nav.events')}>
        {error ? <Fault text={t('fault.list', { reason: error })} retry={t('action.retry')} onRetry={reload} /> : null}
        <p className="dim note-line">{t('events.info')}</p>
        {!loaded && !error ? <ol className="tl">{Array.from({ length: PENDING }, (_, i) => <li key={i}><Skeleton width={`${34 + ((i * 17) % 30)}ch`} /></li>)}</ol> : null}
        <ol className="tl">{runs.map(([newest, ...others]) => (newest === undefined ? null : others.length > 0 ? <RunLine key={others.at(-1)?.id} run={[newest, ...others]} /> : <EventLine key={newest.id} event={newest} />))}</ol>
        {loaded && !error && shown.length === 0 ? <p className="empty">{t(events.length === 0 ? 'events.none' : 'events.noMatch')}</p> : null}
        {shown.length > most ? <p className="note"><button type="button" className="btn" onClick={() => setMost(most + SHOWN_AT_FIRST)}>{t('load.more', { n: shown.length - most })}</button></p> : null}
      </section>
    </div>
  );
}
