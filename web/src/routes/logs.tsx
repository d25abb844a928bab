import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { LogsBoard } from '../widgets/logs/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function LogsPage() {
  const t = useSentence();
  usePageTitle(t('page.logs'));
  const { q, level, type, source, instance, queue, job, trace, view, line, range, from, to } = useSearch({ from: '/logs' });
  const navigate = useNavigate({ from: '/logs' });
  return (
    <LogsBoard
      filter={{ q, level, type, source, instance, queue, job, trace }} view={view ?? 'lines'} line={line ?? null}
      look={JSON.stringify([range, from, to])}
      onChange={(change, replace) => void navigate({ search: (old) => ({ ...old, ...change }), replace: replace ?? false })}
    />
  );
}
