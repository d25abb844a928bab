import type { Quality } from '../api/contract.ts';
import { useSentence, type MessageId } from '../i18n/index.ts';

const WORD: Record<Quality, MessageId> = { exact: 'quality.exact', gap: 'quality.gap', sampled: 'quality.sampled' };
const TIP: Record<Quality, MessageId> = { exact: 'quality.exactTip', gap: 'quality.gapTip', sampled: 'quality.sampledTip' };

/** How the figures beside it came about: told by each job, told with a hole, or seen by polling. */
export function QualityTag({ quality }: { quality: Quality }) {
  const t = useSentence();
  return <span className={`tag ${quality}`} data-tip={t(TIP[quality] ?? TIP.sampled)}>{t(WORD[quality] ?? WORD.sampled)}</span>;
}
