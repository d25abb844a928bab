import { useId, useState } from 'react';
import { duration } from '../../domain/duration.ts';
import { bytes, count } from '../../domain/quantity.ts';
import { inWords } from '../../domain/server-words.ts';
import { MOST_LINES } from '../../explore/asking.ts';
import { faultSpan, placeOf, plainFault } from '../../explore/fault.ts';
import { formatted } from '../../explore/names.ts';
import { useSentence } from '../../i18n/index.ts';
import { Segmented, Skeleton } from '../../ui/index.tsx';
import { Editor } from './editor.tsx';
import { LETTERS, type Letter, type Slot } from './results.ts';

const LANGUAGES = [{ value: 'PromQL', label: 'PromQL' }, { value: 'LogQL', label: 'LogQL' }] as const;

interface QueryRowProps {
  letter: Letter;
  text: string;
  isLog: boolean;
  isOn: boolean;
  isOnly: boolean;
  isNew: boolean;
  slot: Slot | undefined;
  isBusy: boolean;
  /** Whether this server keeps lines. */
  onChange: (text: string) => void;
  onLanguage: (isLog: boolean) => void;
  onRun: () => void;
  onSwitch: () => void;
  onRemove: () => void;
}

/** What the answer cost: series, samples read, time; and what the engine wants to have said. */
function Explain({ slot }: { slot: Slot }) {
  const t = useSentence();
  const { outcome } = slot;
  if (!outcome) return null;
  const { answer, tookMs, isCoarse } = outcome;
  const { entries } = answer;
  const cost = [
    entries ? t('explore.lines', { n: entries.length, all: count(entries.length) }) : t('explore.series', { n: answer.lines.length, all: count(answer.lines.length) }),
    answer.touched === null ? null : t('explore.touched', { n: answer.touched, all: count(answer.touched) }),
    answer.samples === null ? null : t('explore.samples', { n: answer.samples, all: count(answer.samples) }),
    answer.linesRead === null ? null : t('explore.linesRead', { n: answer.linesRead, all: count(answer.linesRead) }),
    answer.evalSeconds === null ? null : answer.evalSeconds < 0.001 ? t('unit.ms', { n: '<1' }) : duration(answer.evalSeconds),
  ];
  const notes = [...answer.warnings, ...answer.infos];
  return (
    <>
      <button type="button" className="hint" data-tip={t('explore.costTip', { took: duration(tookMs / 1_000), bytes: bytes(outcome.bytes), step: duration(answer.grid.step) })}>{cost.filter(Boolean).join(' · ')}</button>
      {entries && entries.length >= MOST_LINES ? <span className="tag gap" data-tip={t('explore.cutTip')}>{t('explore.cut')}</span> : null}
      {isCoarse ? <span className="tag gap" data-tip={t('explore.coarseTip')}>{t('explore.coarse', { step: duration(answer.grid.step) })}</span> : null}
      {answer.lines.some((line) => line.isHistogram) ? <span className="tag" data-tip={t('explore.histogramsTip')}>{t('explore.histograms')}</span> : null}
      {notes.map((note) => <span key={note} className="query-note"><span className="mark m-warning" aria-hidden="true" />{note}</span>)}
    </>
  );
}

/** One query: its letter, its text, what it costs or what is wrong with it. */
export function QueryRow(props: QueryRowProps) {
  const t = useSentence();
  const faultId = useId();
  const [formatFault, setFormatFault] = useState<{ of: string; text: string } | null>(null);
  const { letter, text, isLog, isOn } = props;
  // What was said of the same text in the other language is not said of this.
  const slot = props.slot?.isLog === isLog ? props.slot : undefined;
  const language = isLog ? 'LogQL' : 'PromQL';
  const ofFormat = formatFault?.of === text ? formatFault.text : null;
  const error = ofFormat ?? (slot?.query === text ? slot.error : null);
  const at = error === null ? null : placeOf(error, text);
  const format = () => formatted(text, isLog).then(
    (done) => { setFormatFault(null); props.onChange(done); },
    (failure: unknown) => setFormatFault({ of: text, text: failure instanceof Error ? failure.message : String(failure) }),
  );
  return (
    <li className={`query ${isOn ? '' : 'off'}`}>
      <button type="button" className={`letter q-${LETTERS.indexOf(letter) + 1}`} aria-pressed={isOn} onClick={props.onSwitch} aria-label={t('explore.switch', { letter })} data-tip={t('explore.switch', { letter })}>{letter}</button>
      <Editor label={t('explore.query', { letter, language })} value={text} isLog={isLog} fault={at === null ? null : faultSpan(at, text)} faultId={error === null ? undefined : faultId} onChange={props.onChange} onRun={props.onRun} isNew={props.isNew} />
      <span className="query-tools">
        <Segmented label={t('explore.language', { letter })} value={language} onChange={(value) => props.onLanguage(value === 'LogQL')} options={LANGUAGES} />
        <button type="button" className="btn quiet" onClick={() => void format()} disabled={text.trim() === ''} data-tip={t('explore.formatTip')}>{t('explore.format')}</button>
        <button type="button" className="btn quiet" onClick={props.onRemove} disabled={props.isOnly && text === ''} aria-label={t('explore.remove', { letter })} data-tip={t('explore.remove', { letter })}>✕</button>
      </span>
      <div className="explain" aria-live="polite" id={faultId}>
        {props.isBusy ? <Skeleton width="22ch" /> : error === null ? (slot && isOn && slot.query === text ? <Explain slot={slot} /> : null) : (
          <span className="query-fault"><span className="mark m-critical" aria-hidden="true" />{at === null ? '' : <b>{t('explore.at', { n: at + 1 })}</b>} {inWords(plainFault(error))}</span>
        )}
      </div>
    </li>
  );
}
