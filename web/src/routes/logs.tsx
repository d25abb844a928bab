import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { useSentence } from '../i18n/index.ts';
import { columnsOf } from '../logs/columns.ts';
import { LogsBoard } from '../widgets/logs/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function LogsPage() {
  const t = useSentence();
  usePageTitle(t('page.logs'));
  const { q, level, type, source, instance, queue, job, trace, view, line, cols, wrap, range, from, to } = useSearch({ from: '/logs' });
  const columns = useMemo(() => columnsOf(cols), [cols]);
  const navigate = useNavigate({ from: '/logs' });
  return (
    <LogsBoard
      filter={{ q, level, type, source, instance, queue, job, trace }} view={view ?? 'lines'} line={line ?? null} columns={columns} wrap={wrap === '1'}
      look={JSON.stringify([range, from, to])}
      onChange={(change, replace) => void navigate({ search: (old) => ({ ...old, ...change }), replace: replace ?? false })}
    />
  );
}
