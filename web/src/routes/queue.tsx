import { useParams, useSearch } from '@tanstack/react-router';
import { showName } from '../domain/queue-name.ts';
import { ChooseKind } from '../widgets/queue/choose-kind.tsx';
import { QueueBoard } from '../widgets/queue/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function QueuePage() {
  const { source, kind, queue } = useParams({ from: '/queues/$source/$kind/$queue' });
  const { name } = useSearch({ from: '/queues/$source/$kind/$queue' });
  const wanted = name ?? queue;
  usePageTitle(showName(wanted));
  return <QueueBoard key={`${source}\n${kind}\n${wanted}`} source={source} kind={kind} queue={wanted} />;
}

/** An address without a kind: it leads on when the name is unique, else it lets one choose. */
export function AnyKindPage() {
  const { source, queue } = useParams({ from: '/queues/$source/$queue' });
  const { name } = useSearch({ from: '/queues/$source/$queue' });
  const wanted = name ?? queue;
  usePageTitle(showName(wanted));
  return <ChooseKind key={`${source}\n${wanted}`} source={source} queue={wanted} />;
}
