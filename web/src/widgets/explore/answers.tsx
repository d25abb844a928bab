import { useMemo, useRef, useState } from 'react';
import { csvOf, quoted } from '../../charts/csv.ts';
import { saveCsv, savePng } from '../../charts/save.ts';
import { timeOfDay } from '../../domain/moment.ts';
import { count } from '../../domain/quantity.ts';
import type { Span } from '../../domain/span.ts';
import { seriesText, type Entry } from '../../explore/matrix.ts';
import { useSentence } from '../../i18n/index.ts';
import { Card, Menu, Skeleton } from '../../ui/index.tsx';
import { ChartArea, type ChartHandle } from './chart-area.tsx';
import { baseGrid, drawnOf, listed, type Drawn, type Letter, type Listed, type Slots } from './results.ts';
import { HeatArea } from './heat-area.tsx';
import { LineList } from './line-list.tsx';
import { SeriesTable } from './series-table.tsx';

/** More lines than this are drawn on demand only: nobody can tell them apart, and the screen would stand still. */
const MOST_DRAWN = 250;
/** On demand it may be so many points: what a frame can draw. */
const MOST_POINTS = 90_000;
const mostOnDemand = (moments: number): number => Math.max(MOST_DRAWN, Math.min(2_000, Math.floor(MOST_POINTS / Math.max(1, moments))));

interface AnswersProps {
  slots: Slots;
  letters: readonly Letter[];
  isInstant: boolean;
  view: 'chart' | 'table';
  isBusy: boolean;
}

const instantCsv = (rows: readonly Listed[]): string =>
  ['query,series,value', ...rows.map(({ letter, line }) => `${letter},${quoted(seriesText(line.labels))},${Number.isNaN(line.last) ? 'NaN' : line.last}`), ''].join('\n');

const linesCsv = (all: readonly { letter: Letter; entries: readonly Entry[] }[]): string =>
  ['query,time,labels,line', ...all.flatMap(({ letter, entries }) => entries.map(({ at, labels, text }) => `${letter},${new Date(at).toISOString()},${quoted(seriesText(labels))},${quoted(text)}`)), ''].join('\n');

const rangeCsv = (drawn: readonly Drawn[], times: readonly number[], span: Span): string =>
  csvOf(times, drawn.map(({ letter, line, values }) => ({ label: `${letter} ${seriesText(line.labels)}`, values })), span);

/** What the queries answered: lines over time and a table of all series. */
export function Answers(props: AnswersProps) {
  const t = useSentence();
  const { slots, letters, isInstant } = props;
  const [wanted, setWanted] = useState<{ rows: unknown; most: number } | null>(null);
  const handle = useRef<ChartHandle>(null);
  const rows = useMemo(() => listed(slots, letters), [slots, letters]);
  const most = wanted?.rows === rows ? wanted.most : MOST_DRAWN;
  const base = useMemo(() => baseGrid(rows), [rows]);
  const drawn = useMemo(() => (base && !isInstant ? drawnOf(rows, base, most) : []), [rows, base, most, isInstant]);
  const onDemand = mostOnDemand(base?.length ?? 1);
  const answered = letters.filter((letter) => slots[letter]?.outcome);
  const texts = answered.map((letter) => slots[letter]?.outcome?.answer.text ?? '').filter(Boolean);
  const span = answered.map((letter) => slots[letter]?.span).find(Boolean);
  const withChart = props.view === 'chart' && !isInstant;
  const times = () => (base ? Array.from({ length: base.length }, (_, i) => base.start + i * base.step) : []);
  const csv = () => (rows.length === 0 ? linesCsv(lines) : isInstant ? instantCsv(rows) : rangeCsv(drawn, times(), span ?? { from: 0, to: 0 }));
  const lines = answered.flatMap((letter) => {
    const slot = slots[letter];
    const entries = slot?.outcome?.answer.entries;
    return slot && entries && entries.length > 0 ? [{ letter, slot, entries }] : [];
  });
  const isEmpty = !props.isBusy && answered.length > 0 && rows.length === 0 && texts.length === 0 && lines.length === 0;
  const end = rows.length === 0 && lines.length === 0 ? null : (
    <Menu label={t('chart.export', { chart: t('explore.answers') })} face="⋯">
      {(close) => (
        <>
          {withChart && rows.length > 0 ? <button type="button" onClick={() => { close(); const canvas = handle.current?.canvas(); if (canvas) savePng(canvas, answered.map((letter) => slots[letter]?.query).join('   '), 'vigie-explore'); }}>{t('chart.png')}</button> : null}
          <button type="button" onClick={() => { close(); saveCsv(csv(), 'vigie-explore'); }}>{t('chart.csv')}</button>
        </>
      )}
    </Menu>
  );
  return (
    <Card className={`s12 answers-card ${props.isBusy && (rows.length > 0 || lines.length > 0) ? 'busy' : ''}`} title={t('explore.answers')} small={span ? t('explore.asOf', { at: timeOfDay(span.to * 1_000) }) : ''} info={t('explore.answersInfo')} end={end}>
      {drawn.length < rows.length && withChart ? (
        <p className="note few">{t('explore.few', { shown: count(drawn.length), all: count(rows.length) })}
          {most < onDemand ? <button type="button" className="btn" onClick={() => setWanted({ rows, most: onDemand })}>{t('explore.drawMore', { n: count(Math.min(rows.length, onDemand)) })}</button> : null}
        </p>
      ) : null}
      {props.isBusy && rows.length === 0 && lines.length === 0 ? <div className="series-chart"><Skeleton block /></div> : null}
      {isEmpty ? <p className="empty">{t('explore.none')}</p> : null}
      {!props.isBusy && answered.length === 0 ? <p className="empty">{t(letters.length > 0 ? 'explore.failed' : 'explore.notRun')}</p> : null}
      {texts.map((text) => <p key={text} className="note mono">{text}</p>)}
      {withChart ? answered.map((letter) => {
        const slot = slots[letter];
        const heat = slot?.outcome?.answer.heat;
        return slot && heat ? <HeatArea key={letter} heat={heat} span={slot.span} letter={letter} query={slot.query} /> : null;
      }) : null}
      {withChart && base && span && drawn.length > 0 ? <ChartArea drawn={drawn} base={base} span={span} handle={handle} /> : null}
      {rows.length > 0 ? <SeriesTable rows={rows} isInstant={isInstant} isTall={!withChart} onPoint={withChart ? (row) => handle.current?.focus(row) : undefined} /> : null}
      {lines.map(({ letter, slot, entries }) => <LineList key={letter} letter={letter} slot={slot} entries={entries} isOnly={letters.length === 1} />)}
    </Card>
  );
}
