import { Link } from '@tanstack/react-router';
import { useSentence } from '../../i18n/index.ts';
import { usePageTitle } from './title.ts';

/** An address that leads nowhere. */
export function Lost() {
  const t = useSentence();
  usePageTitle(t('lost.title'));
  return (
    <section className="card s12 note">
      <h1 className="page">{t('lost.title')}</h1>
      <p>{t('lost.text')}</p>
      <Link className="btn" to="/">{t('lost.back')}</Link>
    </section>
  );
}
