import { useSentence } from '../i18n/index.ts';
import { ApiReference } from '../widgets/apidocs/reference.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function ApiDocsPage() {
  const t = useSentence();
  usePageTitle(t('page.apidocs'));
  return <ApiReference />;
}
