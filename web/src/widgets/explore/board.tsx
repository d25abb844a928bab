import { useQuery } from '@tanstack/react-query';
import { useMemo, useState, useSyncExternalStore } from 'react';
import { queries as client } from '../../api/queries.ts';
import { chartView } from '../../charts/view.ts';
import { metricNames } from '../../explore/names.ts';
import { readRecent, remember, type Query } from '../../explore/recent.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import { CopyButton, Menu, Segmented } from '../../ui/index.tsx';
import { Answers } from './answers.tsx';
import { QueryRow } from './query-row.tsx';
import { LETTERS, useAnswers, type Asked, type Letter } from './results.ts';

export interface ExploreState {
  queries: Query[];
  off: string;
  isInstant: boolean;
  view: 'chart' | 'table';
}
interface ExploreBoardProps extends ExploreState {
  onChange: (change: Partial<ExploreState>) => void;
}

interface Draft extends Query {
  id: number;
  isNew: boolean;
}

const EXAMPLES: readonly [needs: string, query: string, words: MessageId][] = [
  ['vigie_queue_jobs', 'sum by (queue) (vigie_queue_jobs{state="waiting"})', 'explore.example.waiting'],
  ['vigie_jobs_finished_total', 'sum by (queue, outcome) (rate(vigie_jobs_finished_total[5m]))', 'explore.example.finished'],
  ['vigie_job_wait_seconds', 'histogram_quantile(0.95, sum by (queue) (rate(vigie_job_wait_seconds[5m])))', 'explore.example.wait'],
  ['vigie_queue_busy', 'sum by (source) (vigie_queue_busy) / sum by (source) (vigie_queue_capacity)', 'explore.example.busy'],
  ['', 'topk(10, count by (__name__) ({__name__!=""}))', 'explore.example.names'],
];

const LOG_EXAMPLES: readonly [query: string, words: MessageId][] = [
  ['{source=~".+"} |~ "(?i)error|fail"', 'explore.example.errors'],
  ['sum by (source) (count_over_time({source=~".+"}[1m]))', 'explore.example.lines'],
];

/** A first query at the press of a button, for the metrics that are there. */
function Examples(props: { onTake: (query: Query) => void }) {
  const t = useSentence();
  const { data, error } = useQuery({ queryKey: ['metric names'], queryFn: metricNames, retry: false }, client);
  const known = new Set(data);
  const fitting = EXAMPLES.filter(([needs]) => needs === '' || known.has(needs));
  const all = [
    ...fitting.map(([, text, words]) => ({ text, words, isLog: false })),
    ...LOG_EXAMPLES.map(([text, words]) => ({ text, words, isLog: true })),
  ];
  return (
    <section className="card note examples">
      <p>{t(error ? 'explore.noNames' : 'explore.begin', { n: data?.length ?? 0, reason: error?.message })}</p>
      <ul>{all.map(({ text, isLog, words }) => <li key={text}><button type="button" className="btn" onClick={() => props.onTake({ text, isLog })}><span>{t(words)}</span><code>{text}</code></button></li>)}</ul>
    </section>
  );
}

function Recent(props: { onTake: (query: Query) => void }) {
  const t = useSentence();
  const [recent, setRecent] = useState(readRecent);
  return (
    <span onPointerEnter={() => setRecent(readRecent())} onFocus={() => setRecent(readRecent())}>
      <Menu label={t('explore.recent')} className="btn" face={<>{t('explore.recent')} <span aria-hidden="true">▾</span></>}>
        {(close) => (
          <div className="recent">
            {recent.map((query) => <button key={`${query.isLog} ${query.text}`} type="button" onClick={() => { close(); props.onTake(query); }}><code>{query.text}</code></button>)}
            {recent.length === 0 ? <p className="empty">{t('explore.noRecent')}</p> : null}
          </div>
        )}
      </Menu>
    </span>
  );
}

let lastId = 0;
const draft = ({ text, isLog }: Query, isNew = false): Draft => {
  lastId += 1;
  return { id: lastId, text, isLog, isNew };
};
const EMPTY: Query = { text: '', isLog: false };
const queryOf = ({ text, isLog }: Draft): Query => ({ text, isLog });

/** The texts in the editors: those of the address, until one types; again those of the address when that changes. */
function useDrafts(queries: Query[]) {
  const address = JSON.stringify(queries);
  const [state, setState] = useState(() => ({ address, drafts: queries.length > 0 ? queries.map((query) => draft(query)) : [draft(EMPTY)] }));
  const isSame = JSON.stringify(state.drafts.map(queryOf)) === address;
  if (state.address !== address) setState({ address, drafts: isSame || queries.length === 0 ? state.drafts : queries.map((query) => draft(query)) });
  const set = (drafts: Draft[]) => setState((old) => ({ ...old, drafts: drafts.length > 0 ? drafts : [draft(EMPTY, true)] }));
  return { drafts: state.drafts, set };
}

const watchView = (listener: () => void) => chartView.watch(listener);
const viewKey = () => JSON.stringify(chartView.look);

/** PromQL and LogQL over everything that Vigie keeps. */
export function ExploreBoard(props: ExploreBoardProps) {
  const t = useSentence();
  const { queries, off, isInstant, view, onChange } = props;
  const { drafts, set } = useDrafts(queries);
  const [count, setCount] = useState(0);
  const look = useSyncExternalStore(watchView, viewKey);
  const asked = useMemo(() => queries.flatMap((query, i): Asked[] => {
    const letter = LETTERS[i];
    return letter && query.text.trim() !== '' && !off.includes(letter) ? [{ letter, query: query.text, isLog: query.isLog }] : [];
  }), [queries, off]);
  const { slots, key } = useAnswers(asked, isInstant ? 'instant' : 'range', look, count);
  const letters = useMemo(() => asked.map(({ letter }) => letter), [asked]);
  const isBusy = (letter: Letter) => letters.includes(letter) && slots[letter]?.key !== key;
  const runAll = (all: Query[], change: Partial<ExploreState> = {}) => {
    remember(all);
    setCount((n) => n + 1);
    onChange({ ...change, queries: all });
  };
  const typed = drafts.map(queryOf);
  const edit = (id: number, change: Partial<Query>) => set(drafts.map((one) => (one.id === id ? { ...one, ...change } : one)));
  const take = (query: Query) => {
    const free = drafts.findIndex(({ text }) => text.trim() === '');
    const next = free >= 0 ? drafts.map((one, i) => (i === free ? { ...one, ...query } : one)) : [...drafts, draft(query)].slice(-LETTERS.length);
    set(next);
    runAll(next.map(queryOf));
  };
  const remove = (at: number) => {
    const next = drafts.filter((_, i) => i !== at);
    // The letters of those behind move up by one, and with them who is switched off.
    const still = LETTERS.filter((letter, i) => i !== at && off.includes(letter)).map((letter) => LETTERS[LETTERS.indexOf(letter) - (LETTERS.indexOf(letter) > at ? 1 : 0)]);
    set(next);
    onChange({ queries: next.map(queryOf), off: still.join('') });
  };
  const toggle = (letter: Letter) => onChange({ queries: typed, off: off.includes(letter) ? off.replace(letter, '') : off + letter });
  return (
    <div className="stack">
      <div className="toolbar">
        <h1 className="page">{t('page.explore')}</h1>
        <Segmented label={t('explore.kindLabel')} value={isInstant ? 'instant' : 'range'} onChange={(value) => onChange({ isInstant: value === 'instant' })} options={[{ value: 'range', label: t('explore.range') }, { value: 'instant', label: t('explore.instant') }]} />
        {isInstant ? null : <Segmented label={t('explore.viewLabel')} value={view} onChange={(value) => onChange({ view: value })} options={[{ value: 'chart', label: t('explore.chart') }, { value: 'table', label: t('explore.table') }]} />}
        <span className="end explore-end">
          <Recent onTake={take} />
          <CopyButton text={globalThis.location.href} label={t('explore.link')} done={t('action.copied')} />
        </span>
      </div>
      <section className="card queries-card" aria-label={t('explore.queries')}>
        <ol>
          {drafts.map((one, i) => {
            const letter = LETTERS[i];
            if (!letter) return null;
            return (
              <QueryRow
                key={one.id} letter={letter} text={one.text} isLog={one.isLog} isOn={!off.includes(letter)} isOnly={drafts.length === 1} isNew={one.isNew} slot={slots[letter]} isBusy={isBusy(letter)}
                onChange={(text) => edit(one.id, { text })} onLanguage={(isLog) => edit(one.id, { isLog })} onRun={() => runAll(typed)} onSwitch={() => toggle(letter)} onRemove={() => remove(i)}
              />
            );
          })}
        </ol>
        <div className="query-foot">
          <button type="button" className="btn primary" onClick={() => runAll(typed)}>{t('explore.run')} <kbd>Ctrl ⏎</kbd></button>
          <button type="button" className="btn" disabled={drafts.length >= LETTERS.length} onClick={() => set([...drafts, draft({ text: '', isLog: drafts.at(-1)?.isLog ?? false }, true)])}>{t('explore.add')}</button>
        </div>
      </section>
      {asked.length === 0 && typed.every(({ text }) => text.trim() === '') ? <Examples onTake={take} /> : <Answers slots={slots} letters={letters} isInstant={isInstant} view={view} isBusy={letters.some(isBusy)} />}
    </div>
  );
}
