import { useQuery } from '@tanstack/react-query';
import { Navigate } from '@tanstack/react-router';
import { ApiFault, fetchQueue } from '../../api/client.ts';
import { queries } from '../../api/queries.ts';
import type { Row, Rows } from '../../api/contract.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { useLive, useTopic } from '../../live/hooks.ts';
import { Fault, Skeleton } from '../../ui/index.tsx';
import { QueueLink, queueTarget } from '../queue-link.tsx';
import { UnknownQueue } from './unknown.tsx';

function Choices({ source, queue }: { source: string; queue: string }) {
  const t = useSentence();
  useTopic('queues');
  const rows = useLive<Rows<Row>, Record<string, Row> | undefined>('queues', (doc) => doc?.rows);
  const twins = Object.values(rows ?? {}).filter((row) => row.source === source && row.queue === queue);
  return (
    <section className="card s12 note ambiguous">
      <h1 className="page">{t('ambiguous.title', { queue: showName(queue) })}</h1>
      <p>{t('ambiguous.text', { source: showName(source) })}</p>
      <ul>{twins.map((row) => <li key={row.kind}><QueueLink source={row.source} kind={row.kind} queue={row.queue} className="btn">{row.kind}</QueueLink></li>)}</ul>
    </section>
  );
}

/** Leads from source and name alone to the queue, or asks which one is meant. */
export function ChooseKind({ source, queue }: { source: string; queue: string }) {
  const t = useSentence();
  const { data, error, refetch } = useQuery({ queryKey: ['queue', source, queue], queryFn: () => fetchQueue(source, queue), retry: false }, queries);
  if (data) return <Navigate {...queueTarget(data.source, data.kind, data.queue)} replace />;
  if (error instanceof ApiFault && error.status === 409) return <div className="grid"><Choices source={source} queue={queue} /></div>;
  if (error instanceof ApiFault && error.status === 404) return <UnknownQueue source={source} queue={queue} />;
  if (error) return <Fault text={t('fault.queue', { reason: error.message })} retry={t('action.retry')} onRetry={() => void refetch()} />;
  return <div className="card note"><Skeleton width="40ch" /></div>;
}
