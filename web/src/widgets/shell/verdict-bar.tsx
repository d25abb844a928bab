import { useLayoutEffect, useMemo, useRef } from 'react';
import type { Clue, NowDoc, Severity, Verdict } from '../../api/contract.ts';
import { showName } from '../../domain/queue-name.ts';
import { inWords } from '../../domain/server-words.ts';
import { clueValues, detail, headline, isKnown, shortly, subject } from '../../domain/verdict.ts';
import { currentLocale, Rich, useSentence, type MessageId, type Translate } from '../../i18n/index.ts';
import { useFreshnessState, useLive, useNow } from '../../live/hooks.ts';
import { clock } from '../../live/session.ts';
import { Mark, Skeleton } from '../../ui/index.tsx';
import { QueueLink } from '../queue-link.tsx';
import { Link } from '@tanstack/react-router';

const WORD: Record<Severity, MessageId> = {
  ok: 'severity.ok', warning: 'severity.warning', critical: 'severity.critical', unknown: 'severity.unknown',
};

/** The name in a sentence: a link to the queue or the instance where there is one, else to the sources. */
function Subject({ clue }: { clue: Clue }) {
  if (clue.queue && clue.kind && clue.source) return <QueueLink source={clue.source} kind={clue.kind} queue={clue.queue} className="subject" />;
  const name = <bdi className="name">{showName(subject(clue))}</bdi>;
  if (typeof clue.values['instance'] === 'string') return <Link className="subject" to="/instances" search={{ q: clue.values['instance'] }}>{name}</Link>;
  return <Link className="subject" to="/settings/sources">{name}</Link>;
}

function Slowest({ clue }: { clue: Clue }) {
  const name = clue.values['slowest_queue'];
  return <bdi className="name">{typeof name === 'string' ? showName(name) : ''}</bdi>;
}

function Sentence({ clue, id, now }: { clue: Clue; id: MessageId; now: number }) {
  if (!isKnown(clue)) return <>{clue.text}</>;
  return <Rich id={id} values={clueValues(clue, now)} parts={[<Subject key="s" clue={clue} />, <Slowest key="w" clue={clue} />]} />;
}

function Also({ clues, more, now }: { clues: Clue[]; more: number; now: number }) {
  const t = useSentence();
  return (
    <ul className="also">
      {clues.map((clue) => (
        <li className="chip" key={`${clue.code} ${clue.source} ${clue.kind} ${subject(clue)}`}>
          <Mark tone={clue.severity} label={t(WORD[clue.severity] ?? 'severity.unknown')} />
          <span className="chip-text"><Sentence clue={clue} id={shortly(clue)} now={now} /></span>
        </li>
      ))}
      {more > 0 ? <li className="chip"><Link to="/queues">{t('verdict.others', { n: more })}</Link></li> : null}
    </ul>
  );
}

/** Why the figures below are not of now; it stands above whatever the verdict said last. */
function StaleNotice() {
  const t = useSentence();
  const fresh = useFreshnessState();
  if ((fresh.state !== 'stale' && fresh.state !== 'lost') || !fresh.isLong) return null;
  const text = fresh.state === 'lost'
    ? t('stale.lost')
    : t(fresh.reason ? 'stale.reason' : 'stale.silent', { source: showName(fresh.source ?? ''), reason: inWords(fresh.reason ?? '') });
  return (
    <div className="stale" role="alert">
      <Mark tone="warning" label={t('severity.warning')} />
      <strong>{fresh.old < fresh.sources ? t('stale.some', { source: showName(fresh.source ?? ''), n: fresh.old }) : t('stale.title')}</strong> <span>{text}</span>
    </div>
  );
}

function Body({ verdict }: { verdict: Verdict }) {
  const t = useSentence();
  const now = useNow();
  const more = isKnown(verdict) ? t(detail(verdict), clueValues(verdict, now)).trim() : '';
  return (
    <>
      <h1>
        <Mark tone={verdict.severity} label={t(WORD[verdict.severity] ?? 'severity.unknown')} />
        <span><Sentence clue={verdict} id={headline(verdict)} now={now} /></span>
      </h1>
      {more ? <p>{more}</p> : null}
      {verdict.also && verdict.also.length > 0 ? <Also clues={verdict.also} more={verdict.more ?? 0} now={now} /> : null}
    </>
  );
}

const HEIGHT_KEY = 'vigie.verdict';
/** A headline, a line below it and a row of what else is wrong, in pixels. */
const USUAL_HEIGHT = 98;

/** As high as the bar was when it was last seen, in pixels: what stands below must not move when the first message comes. */
function lastHeight(): number {
  try {
    const known = Number(localStorage.getItem(HEIGHT_KEY));
    return known >= 40 && known <= 400 ? known : USUAL_HEIGHT;
  } catch {
    return USUAL_HEIGHT;
  }
}

function rememberHeight(pixels: number): void {
  try {
    localStorage.setItem(HEIGHT_KEY, String(Math.round(pixels)));
  } catch {
    // A browser that stores nothing gets the usual height.
  }
}

/** The one sentence at the top of every page: what is wrong, where and since when. */
export function VerdictBar() {
  const t = useSentence();
  const verdict = useLive<NowDoc, Verdict | undefined>('now', (doc) => doc?.verdict);
  const tone = verdict?.severity ?? 'unknown';
  const matter = `${verdict?.code} ${tone} ${verdict?.source} ${verdict?.kind} ${verdict && subject(verdict)} ${currentLocale()}`;
  // Said once a matter, not once a second: the figures in the sentence keep moving.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  const said = useMemo(() => (verdict ? `${t(WORD[tone] ?? 'severity.unknown')}: ${saying(verdict, t)}` : t('verdict.loading')), [matter]);
  const bar = useRef<HTMLElement>(null);
  const isThere = verdict !== undefined;
  const others = verdict?.also?.length ?? 0;
  useLayoutEffect(() => { if (bar.current && isThere) rememberHeight(bar.current.offsetHeight); }, [isThere, matter, others]);
  return (
    <>
      <StaleNotice />
      <section ref={bar} className={`verdict v-${tone}`} aria-label={t('verdict.label')} style={verdict ? undefined : { minHeight: lastHeight() }}>
        {verdict ? <Body verdict={verdict} /> : <h1><span className="sr">{t('verdict.loading')}</span><Skeleton width="28ch" /></h1>}
      </section>
      <p className="sr" role="status" data-code={verdict?.code}>{said}</p>
    </>
  );
}

/** The sentence as plain text, with the names where the screen has links. */
function saying(verdict: Verdict, t: Translate): string {
  if (!isKnown(verdict)) return verdict.text;
  const values = clueValues(verdict, clock.now());
  const names = [showName(subject(verdict)), values['slowest']];
  return t(headline(verdict), values).replaceAll(/<(\d)\/>/g, (_, i: string) => String(names[Number(i)] ?? ''));
}
