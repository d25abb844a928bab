import { useQuery } from '@tanstack/react-query';
import { fetchSparks } from '../../api/client.ts';
import type { Maybe, Sparks } from '../../api/contract.ts';

const EVERY_MS = 15_000;

/** The waiting jobs of one queue over the last quarter of an hour; all queues share one request every 15 s. */
export function useSpark(id: string): Maybe<number>[] | undefined {
  const { data } = useQuery<Sparks, Error, Maybe<number>[] | undefined>({
    queryKey: ['sparks'],
    queryFn: ({ signal }) => fetchSparks(signal),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
    select: (sparks) => sparks.rows[id],
  });
  return data;
}
