import { cursorMoment, fullMoment } from '../../domain/moment.ts';
import { showName } from '../../domain/queue-name.ts';
import { seriesText, tellingLabels, type Entry } from '../../explore/matrix.ts';
import { useSentence } from '../../i18n/index.ts';
import type { Letter, Slot } from './results.ts';

const levelOf = ({ labels }: Entry): string => labels['detected_level'] ?? labels['level'] ?? '';

/** The labels of a line that tell it from others. */
function Labels({ entry, telling }: { entry: Entry; telling: ReadonlySet<string> }) {
  const shown = Object.entries(entry.labels).filter(([name]) => telling.has(name) && name !== 'level' && name !== 'detected_level');
  return <span className="labels" data-tip={seriesText(entry.labels)}>{shown.map(([name, value]) => <span key={name} className="tag">{name}={showName(value)}</span>)}</span>;
}

/** The log lines that a query found, newest first. */
export function LineList({ letter, slot, entries, isOnly }: { letter: Letter; slot: Slot; entries: readonly Entry[]; isOnly: boolean }) {
  const t = useSentence();
  const telling = tellingLabels(entries.map(({ labels }) => labels));
  const seconds = slot.span.to - slot.span.from;
  return (
    <figure className="explore-lines">
      <figcaption className="dim">{isOnly ? '' : `${letter} · `}{t('explore.newest', { n: entries.length })}</figcaption>
      {/* A region that scrolls has to be reachable without a mouse. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="scroll" tabIndex={0} role="region" aria-label={t('explore.linesOf', { letter })}>
        <ol>
          {entries.map((entry, i) => (
            // oxlint-disable-next-line react/no-array-index-key -- an answer does not change, and lines may be alike
            <li key={i} className={`lv-${levelOf(entry)}`}>
              <time dateTime={new Date(entry.at).toISOString()} data-tip={fullMoment(new Date(entry.at).toISOString())}>{cursorMoment(entry.at / 1_000, seconds)}</time>
              <span className="msg">{entry.text}</span>
              <Labels entry={entry} telling={telling} />
            </li>
          ))}
        </ol>
      </div>
    </figure>
  );
}
