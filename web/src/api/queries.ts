import { QueryClient } from '@tanstack/react-query';

/** For the pages that ask now and then; given to each `useQuery`, so that the first route comes without it. */
export const queries = new QueryClient({ defaultOptions: { queries: { retry: 2, staleTime: 10_000, refetchOnWindowFocus: false } } });
