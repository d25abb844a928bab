import { useSentence } from '../i18n/index.ts';
import { NowBoard } from '../widgets/now/board.tsx';
import { usePageTitle } from '../widgets/shell/title.ts';

export function NowPage() {
  const t = useSentence();
  usePageTitle(t('page.now'));
  return <NowBoard />;
}
