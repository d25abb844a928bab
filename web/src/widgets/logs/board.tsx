import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { FACETS, LEVELS, type LogFilter } from '../../api/logs.ts';
import { chartView } from '../../charts/view.ts';
import { download } from '../../charts/save.ts';
import { showName } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { lineId, ndjson, type Line } from '../../logs/line.ts';
import { LogTail } from '../../logs/tail.ts';
import { Menu, Segmented } from '../../ui/index.tsx';
import { LineDetail } from './detail.tsx';
import { FacetsCard } from './facets.tsx';
import { LogHistogramCard } from './histogram.tsx';
import { LogList } from './list.tsx';
import './logs.css';
import { asLevel, logWindow, type OnLogsChange } from './model.ts';
import { PatternTable } from './patterns.tsx';

const TYPING_MS = 350;

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

export interface LogsBoardProps {
  filter: LogFilter;
  view: 'lines' | 'patterns';
  /** The short name of the line that is open. */
  line: string | null;
  /** Range or stretch; another one is another search. */
  look: string;
  onChange: OnLogsChange;
}

/** Search and live tail: what was written, by whom, how often, and what stands around it. */
export function LogsBoard({ filter, view, line, look, onChange }: LogsBoardProps) {
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
  const version = useSyncExternalStore(tail.watch, tail.read);
  const [opened, setOpened] = useState<Line | null>(null);
  // A link names a line that has to be looked for among what was loaded.
  const named = useMemo(
    () => (line === null ? null : opened && lineId(opened) === line ? opened : (tail.buffer.lines.findLast((each) => line.startsWith(each.at.toString(36)) && lineId(each) === line) ?? null)),
    // oxlint-disable-next-line react/exhaustive-deps -- the version stands for the lines
    [line, opened, version, tail],
  );
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
        <GiveAway tail={tail} />
        <Chosen filter={filter} onChange={onChange} />
      </div>
      <LogHistogramCard filter={filter} look={look} />
      <div className={named ? 'log-body has-detail' : 'log-body'}>
        <FacetsCard filter={filter} look={look} onChange={onChange} />
        <section className="card" aria-label={t('logs.title')}>
          {view === 'lines' ? <LogList key={search} tail={tail} q={filter.q} open={line} live={chartView.zoom === null} onOpen={open} /> : <PatternTable tail={tail} onOpen={open} />}
        </section>
        {named ? <LineDetail line={named} onOpen={open} onClose={() => onChange({ line: undefined }, true)} onChange={onChange} /> : null}
      </div>
    </div>
  );
}
