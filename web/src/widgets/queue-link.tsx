import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { showName } from '../domain/queue-name.ts';

/** A path cannot hold these as a segment, whatever the escape. */
const needsSearch = (name: string): boolean => name === '' || name === '.' || name === '..';

export function queueTarget(source: string, kind: string, queue: string) {
  return needsSearch(queue)
    ? { to: '/queues/$source/$kind/$queue' as const, params: { source, kind, queue: '-' }, search: { name: queue } }
    : { to: '/queues/$source/$kind/$queue' as const, params: { source, kind, queue }, search: {} };
}

/** The way to a queue's page. The name is shown isolated, so that its direction cannot turn the rest around. */
export function QueueLink(props: { source: string; kind: string; queue: string; row?: boolean; className?: string; children?: ReactNode }) {
  const shown = showName(props.queue);
  return (
    <Link
      {...queueTarget(props.source, props.kind, props.queue)}
      className={props.className ?? 'q'} preload={false} data-row={props.row ? '' : undefined} data-tip={shown.endsWith('…') ? shown : undefined}
    >
      {props.children ?? <bdi className="name">{shown}</bdi>}
    </Link>
  );
}
