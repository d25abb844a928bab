import { useEffect, useState } from 'react';
import { FACETS, fetchLogFacets, type Facet, type LogFacets, type LogFilter } from '../../api/logs.ts';
import { chartView } from '../../charts/view.ts';
import { count } from '../../domain/quantity.ts';
import { inWords } from '../../domain/server-words.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Refetch } from '../../live/refetch.ts';
import { Card, Skeleton } from '../../ui/index.tsx';
import { asLevel, levelTone, logWindow, type OnLogsChange } from './model.ts';

const EVERY_MS = 10_000;
const SHOWN = 8;

/** What there is to narrow the search down to, with how many lines each. */
export function FacetsCard(props: { filter: LogFilter; look: string; said: string | null; onChange: OnLogsChange }) {
  const t = useSentence();
  const { filter, look, onChange } = props;
  const [facets, setFacets] = useState<LogFacets | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [whole, setWhole] = useState<Facet | null>(null);
  const key = JSON.stringify([filter, look]);
  useEffect(() => {
    const fetching = new Refetch();
    fetching.run({
      ask: (signal) => fetchLogFacets(filter, logWindow(), signal),
      done: (answer) => { setFacets(answer); setError(null); },
      failed: setError,
      again: () => (chartView.zoom ? null : EVERY_MS),
    });
    return () => fetching.stop();
    // oxlint-disable-next-line react/exhaustive-deps -- the key says all that matters
  }, [key]);
  const choose = (facet: Facet, value: string) => onChange(facet === 'level' ? { level: asLevel(filter.level === value ? undefined : value) } : { [facet]: filter[facet] === value ? undefined : value });
  const groups = FACETS.map((facet) => ({ facet, values: (facets?.[facet] ?? []).filter(({ value }) => value !== '') })).filter(({ values }) => values.length > 0);
  return (
    <Card className="facets" title={t('logs.facets')}>
      {error ? <p className="note dim">{error === props.said ? t('logs.sameFault') : t('logs.facetsFault', { reason: inWords(error) })}</p> : null}
      {!facets && !error ? <div className="note">{Array.from({ length: SHOWN }, (_, i) => <Skeleton key={i} width="100%" />)}</div> : null}
      {groups.map(({ facet, values }) => (
        <section key={facet} aria-label={t(`logs.facet.${facet}`)}>
          <h3>{t(`logs.facet.${facet}`)}</h3>
          <ul>
            {(whole === facet ? values : values.slice(0, SHOWN)).map(({ value, count: n }) => {
              const level = facet === 'level' ? asLevel(value) : undefined;
              return (
                <li key={value}>
                  <button type="button" aria-pressed={filter[facet] === value} onClick={() => choose(facet, value)}>
                    {level ? <span className={`mark m-${levelTone(level)}`} aria-hidden="true" /> : null}
                    <bdi className="name">{level ? t(`logs.level.${level}`) : showName(value)}</bdi><span className="dim">{count(n)}</span>
                  </button>
                </li>
              );
            })}
            {values.length > SHOWN ? (
              <li><button type="button" aria-expanded={whole === facet} onClick={() => setWhole(whole === facet ? null : facet)}><span className="dim">{whole === facet ? t('action.less') : t('load.more', { n: values.length - SHOWN })}</span></button></li>
            ) : null}
          </ul>
        </section>
      ))}
      {facets && groups.length === 0 ? <p className="empty">{t('logs.noFacets')}</p> : null}
    </Card>
  );
}
