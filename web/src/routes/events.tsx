import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../i18n/index.ts';
import { EventsBoard } from '../widgets/events/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function EventsPage() {
  const t = useSentence();
  usePageTitle(t('page.events'));
  const { q, type, loud } = useSearch({ from: '/events' });
  const navigate = useNavigate({ from: '/events' });
  return <EventsBoard filter={q ?? ''} type={type ?? ''} loud={loud ?? 'any'} onChange={(change) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true })} />;
}
