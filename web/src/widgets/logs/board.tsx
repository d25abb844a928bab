import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { FACETS, fetchLogs, LEVELS, type LogFilter } from '../../api/logs.ts';
import { chartView } from '../../charts/view.ts';
import { download } from '../../charts/save.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { columnsText, LINE_COLUMNS, type LineColumn } from '../../logs/columns.ts';
import { lineId, lineOf, ndjson, Origins, type Line } from '../../logs/line.ts';
import { LogTail } from '../../logs/tail.ts';
import { Menu, Segmented } from '../../ui/index.tsx';
import { LineDetail } from './detail.tsx';
import { FacetsCard } from './facets.tsx';
import { LogHistogramCard } from './histogram.tsx';
import { HEADS, LogList } from './list.tsx';
import './logs.css';
import { asLevel, logWindow, type OnLogsChange } from './model.ts';
import { PatternTable } from './patterns.tsx';

const TYPING_MS = 350;
/** Lines of the same millisecond that are looked through. */
const ALIKE = 1_000;

/** What is typed is looked for when one stops typing, not with each letter. */
function SearchField(props: { q: string; onSearch: (q: string) => void }) {
  const t = useSentence();
  const { q, onSearch } = props;
  const [text, setText] = useState(q);
  const [told, setTold] = useState(q);
  if (q !== told) {
    setTold(q);
    setText(q);
  }
  useEffect(() => {
    if (text === q) return undefined;
    const timer = setTimeout(() => onSearch(text), TYPING_MS);
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react/exhaustive-deps -- only what is typed starts the clock
  }, [text]);
  return (
    <input
      className="field grow" type="search" data-filter="" aria-label={t('logs.search')} placeholder={t('logs.search')} value={text} spellCheck={false}
      onChange={(event) => setText(event.target.value)} onKeyDown={(event) => event.key === 'Enter' && onSearch(text)}
    />
  );
}

function Chosen({ filter, onChange }: { filter: LogFilter; onChange: OnLogsChange }) {
  const t = useSentence();
  return (
    <>
      {[...FACETS.filter((facet) => facet !== 'level'), 'job' as const, 'trace' as const].map((facet) => {
        const value = filter[facet];
        return value ? (
          <button key={facet} type="button" className="chip" aria-label={t('logs.drop', { facet: t(`logs.facet.${facet}`), value: showName(value) })} onClick={() => onChange({ [facet]: undefined })}>
            <span className="dim">{t(`logs.facet.${facet}`)}</span><bdi>{showName(value)}</bdi><span aria-hidden="true">×</span>
          </button>
        ) : null;
      })}
    </>
  );
}

/** What stands before each message, and whether long ones wrap. */
function Layout({ columns, wrap, onChange }: { columns: readonly LineColumn[]; wrap: boolean; onChange: OnLogsChange }) {
  const t = useSentence();
  const press = (column: LineColumn, on: boolean) => onChange({ cols: columnsText(on ? [...columns, column] : columns.filter((each) => each !== column)) }, true);
  return (
    <Menu label={t('logs.columns')} face={t('logs.columns')} className="btn">
      {() => (
        <fieldset className="checks-menu">
          <legend className="sr">{t('logs.columns')}</legend>
          {LINE_COLUMNS.map((column) => (
            <label key={column}><input type="checkbox" checked={columns.includes(column)} onChange={(event) => press(column, event.target.checked)} />{t(HEADS[column])}</label>
          ))}
          <label className="apart"><input type="checkbox" checked={wrap} onChange={(event) => onChange({ wrap: event.target.checked ? '1' : undefined }, true)} />{t('logs.wrap')}</label>
        </fieldset>
      )}
    </Menu>
  );
}

/** The line that the address names: among what was loaded, else looked up by the moment in its name. */
function useNamed(tail: LogTail, line: string | null, opened: Line | null): Line | null {
  const [found, setFound] = useState<Line | null>(null);
  // Of the lines that come nothing is to be seen here but while one of them is looked for.
  const isOther = line !== null && (opened === null || lineId(opened) !== line);
  const version = useSyncExternalStore(tail.watch, () => (isOther ? tail.version : 0));
  const near = useMemo(
    () => (isOther ? (tail.buffer.lines.findLast((each) => line.startsWith(each.at.toString(36)) && lineId(each) === line) ?? null) : line === null ? null : opened),
    // oxlint-disable-next-line react/exhaustive-deps -- the version stands for the lines
    [line, isOther, opened, version, tail],
  );
  const isMissing = isOther && near === null && tail.state === 'ready' && (found === null || lineId(found) !== line);
  useEffect(() => {
    if (!isMissing) return undefined;
    const at = Number.parseInt(line.split('-')[0] ?? '', 36) / 1_000;
    if (!(at > 0 && at < 1e11)) return undefined;
    const abort = new AbortController();
    fetchLogs({}, { from: at, to: at + 0.001 }, { limit: ALIKE }, abort.signal).then(
      ({ entries }) => {
        const origins = new Origins();
        setFound(entries.map((entry) => lineOf(entry, origins)).find((each) => lineId(each) === line) ?? null);
      },
      // Without it the list is still true: nothing is open, as for a name that no line has.
      () => undefined,
    );
    return () => abort.abort();
  }, [isMissing, line]);
  return near ?? (found && line !== null && lineId(found) === line ? found : null);
}

function GiveAway({ tail }: { tail: LogTail }) {
  const t = useSentence();
  return (
    <Menu label={t('logs.download')} face="⋯">
      {(close) => (
        <>
          <button type="button" data-tip={t('logs.copyTip')} onClick={() => { void navigator.clipboard.writeText(ndjson(tail.buffer.lines)); close(); }}>{t('logs.copy')}</button>
          <button type="button" onClick={() => { download(new Blob([ndjson(tail.buffer.lines)], { type: 'application/x-ndjson' }), 'vigie-logs.ndjson'); close(); }}>{t('logs.download')}</button>
        </>
      )}
    </Menu>
  );
}

interface LogsBoardProps {
  filter: LogFilter;
  view: 'lines' | 'patterns';
  /** The short name of the line that is open. */
  line: string | null;
  columns: readonly LineColumn[];
  wrap: boolean;
  /** Range or stretch; another one is another search. */
  look: string;
  onChange: OnLogsChange;
}

/** Search and live tail: what was written, by whom, how often, and what stands around it. */
export function LogsBoard({ filter, view, line, columns, wrap, look, onChange }: LogsBoardProps) {
  const t = useSentence();
  const [tail] = useState(() => new LogTail());
  const search = JSON.stringify([filter, look]);
  useEffect(() => {
    // The shell tells the charts what the address says in an effect of its own, which may come after this one.
    const timer = setTimeout(() => {
      const { from, to } = logWindow();
      tail.look({ filter, span: chartView.zoom ? { from, to } : { from }, live: chartView.zoom === null });
    }, 0);
    return () => { clearTimeout(timer); tail.stop(); };
    // oxlint-disable-next-line react/exhaustive-deps -- `search` says all that matters
  }, [search, tail]);
  const said = useSyncExternalStore(tail.watch, () => tail.error);
  const [opened, setOpened] = useState<Line | null>(null);
  const named = useNamed(tail, line, opened);
  const open = (one: Line) => {
    setOpened(one);
    onChange({ line: lineId(one) }, true);
  };
  return (
    <div className="logs-page">
      <div className="toolbar">
        <h1 className="page">{t('nav.logs')}</h1>
        <SearchField q={filter.q ?? ''} onSearch={(q) => onChange({ q: q || undefined }, true)} />
        <select className="field" aria-label={t('logs.atLeast')} value={filter.level ?? ''} onChange={(event) => onChange({ level: asLevel(event.target.value) })}>
          <option value="">{t('logs.anyLevel')}</option>
          {LEVELS.filter((level) => level !== 'unknown').map((level) => <option key={level} value={level}>≥ {t(`logs.level.${level}`)}</option>)}
        </select>
        <Segmented label={t('logs.view')} value={view} onChange={(next) => onChange({ view: next === 'patterns' ? next : undefined })} options={[
          { value: 'lines', label: t('logs.lines') }, { value: 'patterns', label: t('logs.patterns') },
        ]} />
        {view === 'lines' ? <Layout columns={columns} wrap={wrap} onChange={onChange} /> : null}
        <GiveAway tail={tail} />
        <Chosen filter={filter} onChange={onChange} />
      </div>
      <LogHistogramCard filter={filter} look={look} said={said} />
      <div className={named ? 'log-body has-detail' : 'log-body'}>
        <FacetsCard filter={filter} look={look} said={said} onChange={onChange} />
        <section className="card" aria-label={t('logs.title')}>
          {view === 'lines' ? <LogList key={`${search} ${wrap}`} tail={tail} q={filter.q} open={line} live={chartView.zoom === null} columns={columns} wrap={wrap} onOpen={open} /> : <PatternTable tail={tail} onOpen={open} />}
        </section>
        {named ? <LineDetail line={named} onOpen={open} onClose={() => onChange({ line: undefined }, true)} onChange={onChange} /> : null}
      </div>
    </div>
  );
}
