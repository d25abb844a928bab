import { useState } from 'react';
import type { QueueAddress } from '../../api/client.ts';
import type { LiveQueue, QueueDoc } from '../../api/contract.ts';
import { queueTopic } from '../../domain/queue-name.ts';
import { viewFeed, type ViewFeed } from '../../live/view-feed.ts';
import { useFeed, useLive, useTopic } from '../../live/hooks.ts';
import { Skeleton } from '../../ui/index.tsx';
import { ActiveJobsCard } from './active-jobs.tsx';
import { ErrorsCard } from './errors-card.tsx';
import { useFailed } from './failed-answer.tsx';
import { FailedCard } from './failed-card.tsx';
import { QueueCharts } from './charts.tsx';
import { HeatCard } from './heat-card.tsx';
import { QueueHeader, StateStrip } from './header.tsx';
import { TimelineCard } from './timeline.tsx';
import { TypesCard } from './types-card.tsx';
import { UnknownQueue } from './unknown.tsx';
import { QueueWorkersCard } from './workers-card.tsx';

/** The heat map comes from the store; a server without one has none. */
function History({ feed, address, types }: { feed: ViewFeed; address: QueueAddress; types: string[] }) {
  return useFeed(feed).hasStore ? <HeatCard address={address} types={types} /> : null;
}

/** What fails, by error and job by job: of one answer. */
function Failed({ address, detail }: { address: QueueAddress; detail: LiveQueue }) {
  const answer = useFailed(address, detail);
  return <><ErrorsCard answer={answer} queue={detail.queue} /><FailedCard answer={answer} detail={detail} /></>;
}

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
      <History feed={feed} address={address} types={(detail?.types ?? []).map(({ type }) => type)} />
      {detail ? (
        <>
          <TypesCard detail={detail} />
          <Failed address={address} detail={detail} />
          <ActiveJobsCard detail={detail} />
          <QueueWorkersCard address={props} />
          <TimelineCard address={address} />
        </>
      ) : <div className="card s12 note"><Skeleton width="100%" /></div>}
    </div>
  );
}
