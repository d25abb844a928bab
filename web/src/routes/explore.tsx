import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Query } from '../explore/recent.ts';
import { useSentence } from '../i18n/index.ts';
import { ExploreBoard, type ExploreState } from '../widgets/explore/board.tsx';
import '../widgets/explore/explore.css';
import { LETTERS } from '../widgets/explore/results.ts';
import { usePageTitle } from '../widgets/shell/title.ts';

/** The texts, and the letters of those that are LogQL. */
const inAddress = (queries: Query[]) => ({
  q: queries.some(({ text }) => text !== '') ? queries.map(({ text }) => text) : undefined,
  logql: queries.flatMap(({ isLog }, i) => (isLog ? [LETTERS[i] ?? ''] : [])).join('') || undefined,
});

export function ExplorePage() {
  const t = useSentence();
  usePageTitle(t('page.explore'));
  const { q, logql, off, at, view } = useSearch({ from: '/explore' });
  const navigate = useNavigate({ from: '/explore' });
  // The router makes a new list at every step; the queries are the same as long as their texts are.
  const key = JSON.stringify((q ?? []).map((text, i) => ({ text, isLog: logql?.includes(LETTERS[i] ?? ' ') ?? false })));
  const queries = useMemo(() => JSON.parse(key) as Query[], [key]);
  const change = (next: Partial<ExploreState>) => void navigate({
    search: (old) => ({
      ...old,
      ...(next.queries ? inAddress(next.queries) : {}),
      ...('off' in next ? { off: next.off || undefined } : {}),
      ...('isInstant' in next ? { at: next.isInstant ? 'instant' as const : undefined } : {}),
      ...('view' in next ? { view: next.view === 'table' ? 'table' as const : undefined } : {}),
    }),
  });
  return <ExploreBoard queries={queries} off={off ?? ''} isInstant={at === 'instant'} view={view ?? 'chart'} onChange={change} />;
}
