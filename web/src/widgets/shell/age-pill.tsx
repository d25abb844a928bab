import { dataAge } from '../../domain/duration.ts';
import { timeOfDay } from '../../domain/moment.ts';
import { useSentence, type MessageId } from '../../i18n/index.ts';
import type { Freshness } from '../../live/freshness.ts';
import { useFreshness, usePaused } from '../../live/hooks.ts';
import { store, togglePause } from '../../live/session.ts';

const WORD: Record<Freshness['state'], MessageId> = {
  fresh: 'live.live', stale: 'live.stale', lost: 'live.lost', waiting: 'live.waiting', asleep: 'live.asleep',
};

/** LIVE with the age of the data, or what is in its way. A press freezes the screen, another lets it catch up. */
export function AgePill() {
  const t = useSentence();
  const fresh = useFreshness();
  const paused = usePaused();
  const state = paused ? 'paused' : fresh.state;
  const word = paused ? t('live.paused') : t(WORD[fresh.state]);
  const tail = paused ? timeOfDay(store.pausedAt) : fresh.age === null ? '' : dataAge(fresh.age);
  return (
    <button type="button" className={`pill live s-${state}`} onClick={togglePause} aria-pressed={paused} data-tip={t(paused ? 'live.pausedTip' : 'live.tip')} data-state={state}>
      <span className="word">{word}</span>
      <span className="tail">{tail}</span>
      <span className="sr">{paused ? t('live.resume') : t('live.pause')}</span>
    </button>
  );
}
