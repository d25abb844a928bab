import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { fetchLogs } from '../../api/logs.ts';
import { fullMoment } from '../../domain/moment.ts';
import { showName, showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { identity, lineId, lineOf, ndjson, Origins, type Line } from '../../logs/line.ts';
import { Card, CopyButton, Fault, Skeleton } from '../../ui/index.tsx';
import type { OnLogsChange } from './model.ts';
import { wordsOf } from './words.ts';
import { LogRow } from './row.tsx';

const BESIDE = 10;
const AFTER_SECONDS = 30;
const AFTER_LINES = 500;

/** Some lines before and after, oldest first, by the same instance or, where there is none, the same source. */
async function around(line: Line, signal: AbortSignal): Promise<Line[]> {
  const { source, instance } = line.origin;
  const filter = { source: source ?? undefined, instance: instance ?? undefined };
  const at = line.at / 1_000;
  const origins = new Origins();
  const [before, after] = await Promise.all([
    fetchLogs(filter, { to: at + 0.001 }, { limit: 2 * BESIDE }, signal),
    fetchLogs(filter, { from: at, to: at + AFTER_SECONDS }, { limit: AFTER_LINES }, signal),
  ]);
  const own = identity(line);
  const lines = (answer: typeof before) => answer.entries.map((entry) => lineOf(entry, origins)).toReversed();
  const earlier = lines(before).filter((each) => each.at <= line.at && identity(each) !== own).slice(-BESIDE);
  const known = new Set(earlier.map(identity));
  const later = lines(after).filter((each) => each.at >= line.at && identity(each) !== own && !known.has(identity(each))).slice(0, BESIDE);
  return [...earlier, line, ...later];
}

function Context({ line, onOpen }: { line: Line; onOpen: (line: Line) => void }) {
  const t = useSentence();
  const [found, setFound] = useState<{ lines: Line[] | null; error: string | null }>({ lines: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    around(line, abort.signal).then(
      (lines) => setFound({ lines, error: null }),
      (error: unknown) => abort.signal.aborted || setFound({ lines: null, error: error instanceof Error ? error.message : String(error) }),
    );
    return () => abort.abort();
    // oxlint-disable-next-line react/exhaustive-deps, react/exhaustive-effect-dependencies -- another turn asks again
  }, [line, turn]);
  return (
    <section aria-label={t('logs.context')} className="log-context">
      <h3 data-tip={t('logs.contextInfo')}>{t('logs.context')}</h3>
      {found.error ? <Fault text={t('fault.list', { reason: found.error })} retry={t('action.retry')} onRetry={() => setTurn(turn + 1)} /> : null}
      {!found.lines && !found.error ? <div className="note"><Skeleton width="100%" /></div> : null}
      {/* oxlint-disable-next-line react/no-array-index-key -- alike lines may stand beside one another */}
      {found.lines?.map((each, i) => <LogRow key={i} line={each} needle={null} index={i} focusable open={each === line} onOpen={onOpen} />)}
    </section>
  );
}

const shown = (value: unknown): string => showText(typeof value === 'string' ? value : JSON.stringify(value));

/** From the line to the page of what wrote it or what it is about. */
function Onward({ name, value }: { name: string; value: string }) {
  const t = useSentence();
  if (name === 'queue') return <Link to="/queues" search={{ q: value }} preload={false} aria-label={t('logs.toQueue', { name: showName(value) })} data-tip={t('logs.toQueue', { name: showName(value) })}>→</Link>;
  if (name === 'instance') return <Link to="/instances" search={{ q: value }} preload={false} aria-label={t('logs.toInstance', { name: showName(value) })} data-tip={t('logs.toInstance', { name: showName(value) })}>→</Link>;
  return null;
}

/** Escape closes what is open beside the list, and gives the focus back to its row. */
function useEscape(close: () => void) {
  const latest = useRef(close);
  useEffect(() => { latest.current = close; });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const isElsewhere = event.target instanceof HTMLInputElement || document.querySelector('dialog[open], :popover-open') !== null;
      if (event.key !== 'Escape' || event.defaultPrevented || isElsewhere) return;
      document.querySelector<HTMLElement>('.log-list [aria-pressed=true]')?.focus();
      latest.current();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}

/** What leads to this line from anywhere, also when the range has moved on. */
function linkTo(line: Line): string {
  const address = new URL(location.href);
  address.searchParams.set('line', lineId(line));
  return address.href;
}

/** Everything of one line, the ways on from it, and what stands around it. */
export function LineDetail(props: { line: Line; onOpen: (line: Line) => void; onClose: () => void; onChange: OnLogsChange }) {
  const t = useSentence();
  const { line, onChange } = props;
  useEscape(props.onClose);
  const fields = Object.entries(line.fields === null ? {} : (JSON.parse(line.fields) as Record<string, unknown>));
  const origin = (['type', 'source', 'instance', 'queue'] as const).flatMap((name) => (line.origin[name] === null ? [] : [[name, line.origin[name]] as const]));
  return (
    <Card className="log-detail" title={t('logs.detail')} end={<button type="button" className="btn quiet" onClick={props.onClose}>{t('logs.close')}</button>}>
      <pre className="log-message">{showText(wordsOf(line))}</pre>
      <dl className="fields">
        <div><dt>{t('logs.time')}</dt><dd className="mono">{fullMoment(line.time)}</dd></div>
        <div><dt>{t('logs.facet.level')}</dt><dd>{t(`logs.level.${line.level}`)}</dd></div>
        {origin.map(([name, value]) => <div key={name}><dt>{t(`logs.facet.${name}`)}</dt><dd><button type="button" className="as-link" onClick={() => onChange({ [name]: value })}>{value}</button> <Onward name={name} value={value} /></dd></div>)}
        {line.job ? <div><dt>{t('logs.facet.job')}</dt><dd><button type="button" className="as-link" data-tip={t('logs.sameJob')} onClick={() => onChange({ job: line.job ?? undefined, queue: line.origin.queue ?? undefined, q: undefined, level: undefined })}>{line.job}</button></dd></div> : null}
        {line.trace ? <div><dt>{t('logs.facet.trace')}</dt><dd className="mono"><button type="button" className="as-link" data-tip={t('logs.sameTrace')} onClick={() => onChange({ trace: line.trace ?? undefined, q: undefined, level: undefined })}>{line.trace}</button></dd></div> : null}
        {fields.map(([name, value]) => <div key={name}><dt className="mono">{name}</dt><dd className="mono">{shown(value)}</dd></div>)}
      </dl>
      <p className="note"><CopyButton text={linkTo(line)} label={t('logs.copyLink')} done={t('logs.copied')} /><CopyButton text={ndjson([line])} label={t('logs.copy')} done={t('logs.copied')} /></p>
      <Context key={lineId(line)} line={line} onOpen={props.onOpen} />
    </Card>
  );
}
