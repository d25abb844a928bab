import { useState } from 'react';
import { useSentence } from '../i18n/index.ts';
import { useFreshnessState, useNow } from '../live/hooks.ts';
import { Skeleton } from '../ui/index.tsx';

const LONG_MS = 10_000;
const ROWS = 4;

/** In the place of what a topic of the stream has not brought yet: what is being waited for, or why it does not come. */
export function TopicPending({ what }: { what: string }) {
  const t = useSentence();
  const { state, reason } = useFreshnessState();
  const now = useNow();
  const [since] = useState(now);
  const isLost = state === 'lost';
  if (!isLost && now - since < LONG_MS) return <div className="note">{Array.from({ length: ROWS }, (_, i) => <Skeleton key={i} width="100%" />)}</div>;
  return (
    <div className="note" role="alert">
      <span className="mark m-warning" aria-hidden="true" />
      <span>{isLost ? t('topic.lost', { what, reason: reason ?? t('live.lost') }) : t('topic.late', { what })}</span>
    </div>
  );
}

/** Says that what is shown is old, where it is. */
export function TopicStale() {
  const t = useSentence();
  const { state } = useFreshnessState();
  return state === 'lost' ? <span className="tag gap" data-tip={t('stale.lost')}>{t('row.stale')}</span> : null;
}
