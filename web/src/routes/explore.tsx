import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useSentence } from '../i18n/index.ts';
import { ExploreBoard, type ExploreState } from '../widgets/explore/board.tsx';
import '../widgets/explore/explore.css';
import { usePageTitle } from '../widgets/shell/title.ts';

export function ExplorePage() {
  const t = useSentence();
  usePageTitle(t('page.explore'));
  const { q, off, at, view } = useSearch({ from: '/explore' });
  const navigate = useNavigate({ from: '/explore' });
  // The router makes a new list at every step; the queries are the same as long as their texts are.
  const key = JSON.stringify(q ?? []);
  const queries = useMemo(() => JSON.parse(key) as string[], [key]);
  const change = (next: Partial<ExploreState>) => void navigate({
    search: (old) => ({
      ...old,
      ...('queries' in next ? { q: next.queries?.some((query) => query !== '') ? next.queries : undefined } : {}),
      ...('off' in next ? { off: next.off || undefined } : {}),
      ...('isInstant' in next ? { at: next.isInstant ? 'instant' as const : undefined } : {}),
      ...('view' in next ? { view: next.view === 'table' ? 'table' as const : undefined } : {}),
    }),
  });
  return <ExploreBoard queries={queries} off={off ?? ''} isInstant={at === 'instant'} view={view ?? 'chart'} onChange={change} />;
}
