import { Link } from '@tanstack/react-router';
import type { VigieEvent } from '../../api/contract.ts';
import { eventSubject } from '../../domain/event.ts';
import { eventTarget, type EventTarget } from '../../domain/event-target.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence, type Translate } from '../../i18n/index.ts';
import { queueTarget } from '../queue-link.tsx';

/** What the router is told. */
function placeOf(target: EventTarget) {
  switch (target.page) {
    case 'queue': return queueTarget(target.source, target.kind, target.queue);
    case 'workers': return { to: '/workers' as const, search: { q: target.q } };
    case 'instances': return { to: '/instances' as const, search: { q: target.q } };
    case 'sources': return { to: '/settings/sources' as const };
    default: return { to: '/logs' as const, search: { from: target.from, to: target.to } };
  }
}

function tipOf(t: Translate, target: EventTarget, name: string): string {
  switch (target.page) {
    case 'queue': return t('event.toQueue', { name });
    case 'workers': return t('event.toWorker', { name });
    case 'instances': return t('event.toInstance', { name });
    case 'sources': return t('event.toSource', { name });
    default: return t('event.toLines');
  }
}

/** What an event is about, with the way to it; nothing where it is about nothing in particular. */
export function EventSubject({ event, shown }: { event: VigieEvent; shown?: string }) {
  const t = useSentence();
  const target = eventTarget(event);
  const subject = shown ?? eventSubject(event);
  const name = subject === '' ? '' : showName(subject);
  if (name === '') return null;
  return <Link {...placeOf(target)} preload={false} data-row="" data-tip={tipOf(t, target, name)}><bdi className="name">{name}</bdi></Link>;
}
