import { useSentence } from '../i18n/index.ts';
import { usePageTitle } from '../widgets/shell/title.ts';

export function ExplorePage() {
  const t = useSentence();
  usePageTitle(t('page.explore'));
  return <h1 className="page">{t('page.explore')}</h1>;
}
