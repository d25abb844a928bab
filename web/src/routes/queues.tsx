import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { QueueTable } from '../widgets/queues/table.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function QueuesPage() {
  const t = useSentence();
  usePageTitle(t('page.queues'));
  const { q, sort, dir, group } = useSearch({ from: '/queues' });
  const navigate = useNavigate({ from: '/queues' });
  return (
    <QueueTable
      filter={q ?? ''}
      sort={sort ?? 'worst'}
      direction={dir ?? 'desc'}
      grouped={group === 'source'}
      onFilter={(filter) => void navigate({ search: (old) => ({ ...old, q: filter || undefined }), replace: true })}
      onSort={(column, direction) => void navigate({ search: (old) => ({ ...old, sort: column === 'worst' ? undefined : column, dir: column === 'worst' ? undefined : direction }) })}
      onGroup={(on) => void navigate({ search: (old) => ({ ...old, group: on ? 'source' : undefined }) })}
    />
  );
}
