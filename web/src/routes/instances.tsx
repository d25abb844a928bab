import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { InstancesBoard } from '../widgets/instances/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function InstancesPage() {
  const t = useSentence();
  usePageTitle(t('page.instances'));
  const { q } = useSearch({ from: '/instances' });
  const navigate = useNavigate({ from: '/instances' });
  return <InstancesBoard filter={q ?? ''} onFilter={(filter) => void navigate({ search: (old) => ({ ...old, q: filter || undefined }), replace: true })} />;
}
