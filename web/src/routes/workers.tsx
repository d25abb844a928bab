import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { usePageTitle } from '../widgets/shell/title.ts';
import { WorkersBoard } from '../widgets/workers/board.tsx';

export function WorkersPage() {
  const t = useSentence();
  usePageTitle(t('page.workers'));
  const { q } = useSearch({ from: '/workers' });
  const navigate = useNavigate({ from: '/workers' });
  return <WorkersBoard filter={q ?? ''} onFilter={(filter) => void navigate({ search: (old) => ({ ...old, q: filter || undefined }), replace: true })} />;
}
