import { Link } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import type { VigieEvent } from '../../api/contract.ts';
import { eventSubject } from '../../domain/event.ts';
import { eventTarget, type EventTarget } from '../../domain/event-target.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence, type Translate } from '../../i18n/index.ts';
import { readFeatures, watchFeatures, type Features } from '../../live/features.ts';
import { queueTarget } from '../queue-link.tsx';

/** What the router is told; null where this server has no such page. */
function placeOf(target: EventTarget, features: Features) {
  switch (target.page) {
    case 'queue': return queueTarget(target.source, target.kind, target.queue);
    case 'workers': return { to: '/workers' as const, search: { q: target.q } };
    case 'instances': return features.instances ? { to: '/instances' as const, search: { q: target.q } } : null;
    case 'sources': return { to: '/settings/sources' as const };
    default: return features.logs ? { to: '/logs' as const, search: { from: target.from, to: target.to } } : null;
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

/** What an event is about, with the way to it. */
export function EventSubject({ event, shown }: { event: VigieEvent; shown?: string }) {
  const t = useSentence();
  const features = useSyncExternalStore(watchFeatures, readFeatures);
  const target = eventTarget(event);
  const name = showName(shown ?? eventSubject(event));
  const place = placeOf(target, features);
  const face = <bdi className="name">{name}</bdi>;
  return place ? <Link {...place} preload={false} data-row="" data-tip={tipOf(t, target, name)}>{face}</Link> : face;
}
