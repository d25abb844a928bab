import { useSearch } from '@tanstack/react-router';
import { chartView } from '../../charts/view.ts';
import { dataAge } from '../../domain/duration.ts';
import { timeOfDay } from '../../domain/moment.ts';
import { DEFAULT_PRESET } from '../../domain/span.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import type { Freshness } from '../../live/freshness.ts';
import { useFreshness, usePaused } from '../../live/hooks.ts';
import { clock, store, togglePause } from '../../live/session.ts';

const WORD: Record<Freshness['state'], MessageId> = {
  fresh: 'live.live', stale: 'live.stale', lost: 'live.lost', waiting: 'live.waiting', asleep: 'live.asleep',
};

/** The end of a stretch that stands still: the charts are of then, whatever the stream says now. */
function PastPill({ to }: { to: number }) {
  const t = useSentence();
  const { range } = useSearch({ from: '__root__' });
  return (
    <button type="button" className="pill live s-past" onClick={() => chartView.choose({ range: range ?? DEFAULT_PRESET, span: null })} data-tip={t('live.pastTip')} data-state="past">
      <span className="word">{t('live.past')}</span>
      <span className="tail">{timeOfDay(Math.min(to * 1_000, clock.now()))}</span>
      <span className="sr">{t('live.toNow')}</span>
    </button>
  );
}

/** LIVE with the age of the data, or what is in its way. A press freezes the screen, another lets it catch up. */
function NowPill() {
  const t = useSentence();
  const fresh = useFreshness();
  const paused = usePaused();
  const state = paused ? 'paused' : fresh.state;
  const partly = fresh.state === 'stale' && fresh.old < fresh.sources;
  const word = paused ? t('live.paused') : partly ? t('live.partly', { old: fresh.old, all: fresh.sources }) : t(WORD[fresh.state]);
  const tail = paused ? timeOfDay(store.pausedAt) : fresh.age === null ? '' : dataAge(fresh.age);
  return (
    <button type="button" className={`pill live s-${state}`} onClick={togglePause} aria-pressed={paused} data-tip={t(paused ? 'live.pausedTip' : 'live.tip')} data-state={state}>
      <span className="word">{word}</span>
      <span className="tail">{tail}</span>
      <span className="sr">{paused ? t('live.resume') : t('live.pause')}</span>
    </button>
  );
}

export function AgePill() {
  const { from, to } = useSearch({ from: '__root__' });
  return from === undefined || to === undefined ? <NowPill /> : <PastPill to={to} />;
}
