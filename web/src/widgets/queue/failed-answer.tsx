import { useEffect, useRef, useState } from 'react';
import type { QueueAddress } from '../../api/client.ts';
import type { LiveQueue } from '../../api/contract.ts';
import { fetchFailed, type FailedJob, type FailedJobs } from '../../api/failed.ts';
import { useSentence } from '../../i18n/index.ts';
import { Refetch } from '../../live/refetch.ts';
import { Fault, Skeleton } from '../../ui/index.tsx';

const EVERY_MS = 5_000;
/** Without a failure in between, the list is read again only so often: others may clean it up. */
const UNMOVED_MS = 30_000;
const SKELETONS = 4;

interface Answer {
  key: string;
  jobs: FailedJob[] | null;
  unseen: number;
  error: string | null;
}

/** What is known of the failed jobs of a queue; `fault` says why there are none, or why they are old. */
export interface FailedAnswer {
  jobs: FailedJob[] | null;
  /** Jobs that may have failed, too, and that nobody looked at. */
  unseen: number;
  fault: string | null;
  retry: () => void;
}

/** The list, read again when the queue's figures say that something failed. */
export function useFailed(address: QueueAddress, detail: LiveQueue): FailedAnswer {
  const t = useSentence();
  const { source, kind, queue } = address;
  const [turn, setTurn] = useState(0);
  const key = JSON.stringify([source, kind, queue, turn]);
  const [answer, setAnswer] = useState<Answer>({ key: '', jobs: null, unseen: 0, error: null });
  const moved = `${detail.totals.failed} ${detail.failed} ${detail.retry}`;
  const latest = useRef(moved);
  useEffect(() => { latest.current = moved; });
  useEffect(() => {
    const [ofSource, ofKind, ofQueue] = JSON.parse(key) as [string, string, string];
    const fetching = new Refetch();
    let read: { moved: string; at: number; list: FailedJobs } | null = null;
    fetching.run({
      ask: async (signal) => {
        const now = latest.current;
        if (read?.moved === now && Date.now() - read.at < UNMOVED_MS) return read.list;
        const list = await fetchFailed({ source: ofSource, kind: ofKind, queue: ofQueue }, signal);
        read = { moved: now, at: Date.now(), list };
        return list;
      },
      done: ({ jobs, unseen }) => setAnswer({ key, jobs, unseen, error: null }),
      failed: (error) => { read = null; setAnswer((old) => ({ ...old, key, error })); },
      again: () => EVERY_MS,
    });
    return () => fetching.stop();
  }, [key]);
  return { jobs: answer.jobs, unseen: answer.unseen, fault: answer.error === null ? null : t('failed.fault', { reason: answer.error }), retry: () => setTurn(turn + 1) };
}

/** What stands there before the first answer. */
export function FailedPending({ answer: { jobs, fault, retry } }: { answer: FailedAnswer }) {
  const t = useSentence();
  if (jobs) return null;
  if (fault) return <Fault text={fault} retry={t('action.retry')} onRetry={retry} />;
  return <div className="note">{Array.from({ length: SKELETONS }, (_, i) => <Skeleton key={i} width="100%" />)}</div>;
}
