import { useMemo } from 'react';
import type { Row, Rows } from '../../api/contract.ts';
import { useLive } from '../../live/hooks.ts';

type Arrange = (rows: Record<string, Row>) => string[];

/** Arranges anew only when the rows changed, and answers the very same list as long as it comes out the same. */
export function steady(arrange: Arrange): Arrange {
  let seen: Record<string, Row> | undefined;
  let ids: string[] = [];
  return (rows) => {
    if (rows === seen) return ids;
    seen = rows;
    const next = arrange(rows);
    if (next.length !== ids.length || next.some((id, i) => id !== ids[i])) ids = next;
    return ids;
  };
}

/** The ids of the queues in an order: who shows them is drawn again when the order changes, not with each figure. */
export function useQueueIds(arrange: Arrange): string[] | undefined {
  const order = useMemo(() => steady(arrange), [arrange]);
  return useLive<Rows<Row>, string[] | undefined>('queues', (doc) => doc && order(doc.rows));
}

/** How many queues there are; undefined before that is known. */
export const useQueueCount = (): number | undefined =>
  useLive<Rows<Row>, number | undefined>('queues', (doc) => doc && Object.keys(doc.rows).length);
