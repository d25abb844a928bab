import { useState } from 'react';
import type { LiveQueue, QueueDoc } from '../../api/contract.ts';
import { queueTopic } from '../../domain/queue-name.ts';
import { viewFeed } from '../../live/view-feed.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Skeleton } from '../../ui/index.tsx';
import { ActiveJobsCard } from './active-jobs.tsx';
import { QueueCharts } from './charts.tsx';
import { QueueHeader, StateStrip } from './header.tsx';
import { TimelineCard } from './timeline.tsx';
import { TypesCard } from './types-card.tsx';
import { UnknownQueue } from './unknown.tsx';
import { QueueWorkersCard } from './workers-card.tsx';

/** Everything about one queue. */
export function QueueBoard(props: { source: string; kind: string; queue: string }) {
  const address = { source: props.source, kind: props.kind, queue: props.queue };
  const topic = queueTopic(props.source, props.kind, props.queue);
  useTopic(topic);
  const known = useLive<QueueDoc, boolean>(topic, (doc) => doc !== undefined);
  const detail = useLive<QueueDoc, LiveQueue | null | undefined>(topic, (doc) => doc?.queue);
  const [wasThere, setWasThere] = useState(false);
  if (detail && !wasThere) setWasThere(true);
  if (known && !detail) return <UnknownQueue source={props.source} queue={props.queue} gone={wasThere} />;
  const feed = viewFeed(topic, address);
  return (
    <div className="grid">
      <QueueHeader address={props} detail={detail ?? undefined} />
      <StateStrip detail={detail ?? undefined} />
      <QueueCharts feed={feed} />
      {detail ? (
        <>
          <TypesCard detail={detail} />
          <ActiveJobsCard detail={detail} />
          <QueueWorkersCard address={props} />
          <TimelineCard events={detail.events ?? []} />
        </>
      ) : <div className="card s12 note"><Skeleton width="100%" /></div>}
    </div>
  );
}
