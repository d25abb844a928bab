import { Link } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { getJson } from '../../api/client.ts';
import { queries } from '../../api/queries.ts';
import { useSentence } from '../../i18n/index.ts';

interface BuildInfo {
  data: { revision: string };
}

/** Which Vigie this is, and the ways to what it says of itself. */
export function About() {
  const t = useSentence();
  const { data } = useQuery({ queryKey: ['build'], staleTime: Infinity, queryFn: ({ signal }) => getJson<BuildInfo>('/api/v1/status/buildinfo', {}, signal) }, queries);
  const version = data?.data.revision.replace(/^vigie-/, '');
  return (
    <section className="card s12 source-head" aria-label={t('settings.about')}>
      <h2>{t('settings.about')}</h2>
      <span className="dim">{version ? t('settings.version', { version }) : '–'} · {t('settings.licence')}</span>
      <span className="about-ways"><Link to="/api/docs">{t('page.apidocs')}</Link><a href="/metrics">{t('settings.metrics')}</a></span>
    </section>
  );
}
