import { useQuery } from '@tanstack/react-query';
import type { components } from '../../api/generated/schema.d.ts';
import { queries } from '../../api/queries.ts';
import { getJson } from '../../api/client.ts';
import { duration } from '../../domain/duration.ts';
import { showName } from '../../domain/queue-name.ts';
import { count } from '../../domain/quantity.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence } from '../../i18n/index.ts';
import { Fault, Mark, type Tone } from '../../ui/index.tsx';
import { Fact } from './fact.tsx';

type Destination = components['schemas']['Destination'];

const ASK_MS = 5_000;

function DestinationCard({ destination }: { destination: Destination }) {
  const t = useSentence();
  const { name, kind, url, up, error } = destination;
  const tone: Tone = up === false ? 'critical' : up ? 'ok' : 'unknown';
  const word = t(up === false ? 'forward.down' : up ? 'forward.up' : 'forward.untried');
  return (
    <section className="card s12 source" aria-label={t('forward.to', { name: showName(name) })}>
      <div className="source-head">
        <Mark tone={tone} label={word} />
        <h2>{t('forward.to', { name: showName(name) })}</h2>
        <span className={tone === 'critical' ? 'crit' : 'dim'}>{word}</span>
        <code className="dim">{url}</code>
        <span className="tag">{kind}</span>
      </div>
      {error ? <p className="source-error"><strong>{t('source.error')}</strong> <span className="mono">{inWords(error)}</span></p> : null}
      {destination.dead_letter_reason ? <p className="source-error"><strong>{t('forward.refused')}</strong> <span className="mono">{destination.dead_letter_reason}</span></p> : null}
      <dl className="facts">
        <Fact label="forward.pending" tip="forward.pendingTip">{count(destination.pending)}</Fact>
        <Fact label="forward.oldest" tip="forward.oldestTip">{duration(destination.oldest_pending_seconds)}</Fact>
        <Fact label="forward.sent" tip="forward.sentTip">{count(destination.sent)}</Fact>
        <Fact label="forward.dead" tip="forward.deadTip"><span className={destination.dead_letters > 0 ? 'warn' : ''}>{count(destination.dead_letters)}</span></Fact>
        <Fact label="forward.lost" tip="forward.lostTip"><span className={destination.lost > 0 ? 'crit' : ''}>{count(destination.lost)}</span></Fact>
        <Fact label="forward.retries" tip="forward.retriesTip">{count(destination.retries)}</Fact>
      </dl>
    </section>
  );
}

/** Where log entries are forwarded to, and how that goes; nothing where they go nowhere. */
export function Destinations() {
  const t = useSentence();
  const { data, error, refetch } = useQuery({
    queryKey: ['forwarding'], refetchInterval: ASK_MS,
    queryFn: ({ signal }) => getJson<{ destinations: Destination[] }>('/api/v1/forwarding', {}, signal),
  }, queries);
  if (!data && error) return <div className="card s12"><Fault text={t('fault.list', { reason: error.message })} retry={t('action.retry')} onRetry={() => void refetch()} /></div>;
  return <>{data?.destinations.map((destination) => <DestinationCard key={destination.name} destination={destination} />)}</>;
}
