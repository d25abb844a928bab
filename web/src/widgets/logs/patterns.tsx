import { useMemo, useSyncExternalStore } from 'react';
import { timeOfDay } from '../../domain/moment.ts';
import { count } from '../../domain/quantity.ts';
import { useSentence } from '../../i18n/index.ts';
import type { Line } from '../../logs/line.ts';
import { patternsOf } from '../../logs/patterns.ts';
import type { LogTail } from '../../logs/tail.ts';
import { Mark, ScrollX } from '../../ui/index.tsx';
import { levelTone } from './model.ts';

const MOST = 200;
/** The newest so many are grouped: more takes longer than one waits for between two looks. */
const LOOKED_AT = 20_000;

/** Repeated lines as one. */
export function PatternTable(props: { tail: LogTail; onOpen: (line: Line) => void }) {
  const t = useSentence();
  const { tail } = props;
  const version = useSyncExternalStore(tail.watch, tail.read);
  // oxlint-disable-next-line react/exhaustive-deps -- the version stands for the lines
  const lines = useMemo(() => tail.buffer.lines.slice(-LOOKED_AT), [tail, version]);
  const patterns = useMemo(() => patternsOf(lines, MOST), [lines]);
  return (
    <div className="log-pane">
      <p className="dim note-line" data-tip={t('logs.patternInfo')}>{t('logs.patternOf', { n: patterns.length, lines: lines.length })}</p>
      <ScrollX label={t('logs.patterns')}>
        <table className="log-patterns" data-rows="">
          <thead><tr><th scope="col">{t('logs.pattern')}</th><th scope="col">{t('logs.lines')}</th><th scope="col" className="ph">{t('logs.last')}</th></tr></thead>
          <tbody>
            {patterns.map((pattern) => (
              <tr key={pattern.text}>
                <td className="cut"><Mark tone={levelTone(pattern.level)} label={t(`logs.level.${pattern.level}`)} /><button type="button" className="as-link mono" data-row="" data-tip={pattern.example.message.slice(0, 400)} onClick={() => props.onOpen(pattern.example)}>{pattern.text === '' ? '–' : pattern.text}</button></td>
                <td>{count(pattern.count)}</td>
                <td className="ph">{timeOfDay(pattern.last)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollX>
      {patterns.length === 0 && tail.state === 'ready' ? <p className="empty">{t('logs.none')}</p> : null}
    </div>
  );
}
