import { useSentence } from '../../i18n/index.ts';
import { Skeleton } from '../../ui/index.tsx';

/** In the place of a page whose script does not come. */
export function Late() {
  const t = useSentence();
  return <section className="card s12 note" role="status"><Skeleton width="4ch" /> <span>{t('page.late')}</span></section>;
}
