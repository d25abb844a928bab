import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { InstancesBoard } from '../widgets/instances/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function InstancesPage() {
  const t = useSentence();
  usePageTitle(t('page.instances'));
  const look = useSearch({ from: '/instances' });
  const navigate = useNavigate({ from: '/instances' });
  return (
    <InstancesBoard
      filter={look.q ?? ''} status={look.status ?? 'all'} role={look.role ?? ''} sort={look.sort ?? 'worst'} direction={look.dir ?? 'desc'}
      onChange={(change, replace) => void navigate({ search: (old) => ({ ...old, ...change }), replace: replace ?? false })}
    />
  );
}
