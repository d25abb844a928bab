import { useSentence } from '../i18n/index.ts';
import { SourcesBoard } from '../widgets/settings/sources.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function SourcesPage() {
  const t = useSentence();
  usePageTitle(t('page.sources'));
  return <SourcesBoard />;
}
