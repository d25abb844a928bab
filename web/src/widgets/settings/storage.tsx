import { useQuery } from '@tanstack/react-query';
import type { components } from '../../api/generated/schema.d.ts';
import { queries } from '../../api/queries.ts';
import { getJson } from '../../api/client.ts';
import { age, secondsSince } from '../../domain/duration.ts';
import { bytes } from '../../domain/quantity.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence } from '../../i18n/index.ts';
import { useNow } from '../../live/hooks.ts';
import { Fault, Mark } from '../../ui/index.tsx';

type KeptStore = components['schemas']['KeptStore'];

const ASK_MS = 5_000;

function StoreRow({ store }: { store: KeptStore }) {
  const t = useSentence();
  const since = secondsSince(store.since, useNow());
  const word = t(store.kept ? 'storage.kept' : 'storage.notKept', { age: age(since) });
  return (
    <>
      <div className="source-head">
        <Mark tone={store.kept ? 'ok' : 'critical'} label={word} />
        <h2>{t(store.what === 'logs' ? 'storage.logs' : 'storage.metrics')}</h2>
        <span className={store.kept ? 'dim' : 'crit'}>{word}</span>
        <span className="dim">{bytes(store.bytes)}</span>
      </div>
      {store.error ? <p className="source-error"><strong>{t('source.error')}</strong> <span className="mono">{inWords(store.error)}</span></p> : null}
    </>
  );
}

/** What is kept on the disk, how large it is, and why not, if it is not. */
export function Storage() {
  const t = useSentence();
  const { data, error, refetch } = useQuery({
    queryKey: ['storage'], refetchInterval: ASK_MS,
    queryFn: ({ signal }) => getJson<{ stores: KeptStore[] }>('/api/v1/storage', {}, signal),
  }, queries);
  if (!data && error) return <div className="card s12"><Fault text={t('fault.list', { reason: error.message })} retry={t('action.retry')} onRetry={() => void refetch()} /></div>;
  if (!data) return null;
  return (
    <section className="card s12 source" aria-label={t('storage.title')}>
      {data.stores.map((store) => <StoreRow key={store.what} store={store} />)}
    </section>
  );
}
