import { Link } from '@tanstack/react-router';
import type { Rows, Source } from '../../api/contract.ts';
import type { Instance } from '../../api/instances.ts';
import { age, duration, secondsSince } from '../../domain/duration.ts';
import { fullMoment, timeOfDay } from '../../domain/moment.ts';
import { bytes, count } from '../../domain/quantity.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { useSentence, type Translate } from '../../i18n/index.ts';
import { useLive, useNow, useTopic } from '../../live/hooks.ts';
import { isOverdue } from '../../live/session.ts';
import { Mark, Skeleton, type Tone } from '../../ui/index.tsx';
import { LinesLink } from '../logs/lines-link.tsx';
import { About } from './about.tsx';
import { Checks, Fix } from './checklist.tsx';
import { Fact } from './fact.tsx';
import { Destinations } from './forwarding.tsx';
import { Storage } from './storage.tsx';

/** How its instances are. Only those of balancers, services, probes and scrapes have any. */
function InstancesOf({ source }: { source: string }) {
  const t = useSentence();
  useTopic('instances');
  // A text, so that it is drawn again only where it changes.
  const counts = useLive<Rows<Instance>, string>('instances', (doc) => {
    const own = Object.values(doc?.rows ?? {}).filter((instance) => instance.source === source);
    return `${own.filter(({ status, stale }) => status === 'up' && !stale).length} ${own.length}`;
  });
  const [up = 0, all = 0] = counts.split(' ').map(Number);
  return <Fact label="source.instances" tip="source.instancesTip">{all === 0 ? t('source.noInstances') : <Link to="/instances" search={{ q: source }} preload={false}>{t('source.instancesUp', { up, all })}</Link>}</Fact>;
}

/** What a Redis has, and what looking at it costs it. */
function RedisFacts({ source }: { source: Source }) {
  const t = useSentence();
  const { cost } = source;
  const found = Object.entries(source.queues).filter(([, n]) => (n ?? 0) > 0).map(([kind, n]) => `${kind} ${count(n)}`).join(', ');
  return (
    <>
      <Fact label="source.cost" tip="source.costTip">{cost ? t('source.costText', { trips: cost.round_trips, commands: cost.commands }) : '–'}</Fact>
      <Fact label="source.cpu" tip="source.cpuTip">{duration(cost?.redis_cpu_seconds)} <span className="dim">· {bytes(cost?.bytes_in)}</span></Fact>
      <Fact label="source.queues" tip="source.queuesTip">{found || t('source.noQueues')}</Fact>
      <Fact label="source.server" tip="source.serverTip">{source.redis_version ?? '–'} <span className="dim">{modeName(t, source.mode)}</span></Fact>
    </>
  );
}

const MODES = ['standalone', 'sentinel', 'cluster'] as const;

/** How the Redis servers stand together, in a word; as it is told where it is not known here. */
function modeName(t: Translate, mode: Source['mode']): string {
  const known = MODES.find((each) => each === mode);
  return known ? t(`source.mode.${known}`) : (mode ?? '');
}

/** What any other source has: instances, lines, or both. */
function OtherFacts({ source }: { source: Source }) {
  const t = useSentence();
  const { cost, product, version } = source;
  const isFile = source.kind === 'file';
  const told = isFile || source.kind === 'go_api' || source.kind === 'n8n';
  return (
    <>
      {isFile
        ? <Fact label="source.read" tip="source.readTip">{bytes(cost?.bytes_in)}</Fact>
        : <Fact label="source.asked" tip="source.askedTip">{cost ? t('source.requests', { n: cost.round_trips }) : '–'} <span className="dim">· {bytes(source.kind === 'probe' ? null : cost?.bytes_in)}</span></Fact>}
      {isFile ? null : <InstancesOf source={source.source} />}
      {told ? <Fact label="source.lines" tip="source.linesTip"><LinesLink of={{ source: source.source }}>{t('source.linesOf')}</LinesLink></Fact> : null}
      {product || version ? <Fact label="source.product" tip="source.productTip">{product ?? ''} {version ?? ''}</Fact> : null}
    </>
  );
}

function Facts({ source }: { source: Source }) {
  const now = useNow();
  const seen = source.seen ? secondsSince(source.seen, now) : (source.age_seconds ?? null);
  return (
    <dl className="facts">
      <Fact label="source.seen" tip="source.seenTip">{seen === null ? '–' : age(seen)}</Fact>
      <Fact label="source.since" tip="source.sinceTip"><span data-tip={fullMoment(source.since)}>{timeOfDay(source.since, now)}</span></Fact>
      <Fact label="source.poll" tip="source.pollTip">{duration(source.poll_seconds)} <span className="dim">/ {duration(source.poll_interval_seconds)}</span></Fact>
      {source.kind === 'redis' ? <RedisFacts source={source} /> : <OtherFacts source={source} />}
    </dl>
  );
}

function SourceCard({ id }: { id: string }) {
  const t = useSentence();
  useNow();
  const source = useLive<Rows<Source>, Source | undefined>('sources', (doc) => doc?.rows[id]);
  if (!source) return null;
  const late = source.up && isOverdue(source);
  const tone: Tone = !source.up ? 'critical' : late ? 'warning' : 'ok';
  const word = t(!source.up ? 'source.down' : late ? 'source.late' : 'source.up');
  return (
    <section className="card s12 source" aria-label={showName(source.source)}>
      <div className="source-head">
        <Mark tone={tone} label={word} />
        <h2>{showName(source.source)}</h2>
        <span className={tone === 'critical' ? 'crit' : tone === 'warning' ? 'warn' : 'dim'}>{word}</span>
        <code className="dim">{inWords(source.url)}</code>
        {source.kind === 'redis' ? null : <span className="tag">{source.kind}</span>}
        {source.kinds.map((kind) => <span key={kind} className="tag">{kind}</span>)}
      </div>
      {source.error ? <p className="source-error"><strong>{t('source.error')}</strong> <span className="mono">{inWords(source.error)}</span></p> : null}
      {source.hint && !source.checks.some((check) => check.fix === source.hint) ? <Fix text={source.hint} /> : null}
      <Facts source={source} />
      <Checks checks={source.checks} />
    </section>
  );
}

/** The health of each source, what looking at it costs, and what is missing. */
export function SourcesBoard() {
  const t = useSentence();
  useTopic('sources');
  const rows = useLive<Rows<Source>, Record<string, Source> | undefined>('sources', (doc) => doc?.rows);
  const ids = Object.keys(rows ?? {});
  return (
    <div className="grid">
      <div className="toolbar s12">
        <h1 className="page">{t('page.sources')}</h1>
        <span className="dim">{rows ? t('sources.count', { n: ids.length }) : ''}</span>
        <a className="end" href="/api/docs">{t('page.apidocs')}</a>
      </div>
      {rows ? null : <div className="card s12 note"><Skeleton width="100%" /></div>}
      {ids.map((id) => <SourceCard key={id} id={id} />)}
      {rows ? <><Storage /><Destinations /><About /></> : null}
      {rows && ids.length === 0 ? <p className="card s12 empty">{t('first.noSource')}</p> : null}
    </div>
  );
}
