import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { fetchLogs } from '../../api/logs.ts';
import { timeOfDay } from '../../domain/moment.ts';
import { showName, showText } from '../../domain/queue-name.ts';
import { useSentence } from '../../i18n/index.ts';
import { Refetch } from '../../live/refetch.ts';
import { lineId, lineOf, Origins, type Line } from '../../logs/line.ts';
import { Card, Fault, Skeleton } from '../../ui/index.tsx';
import './logs.css';
import { levelTone, logWindow } from './model.ts';
import { wordsOf } from './words.ts';

const SHOWN = 10;
const EVERY_MS = 3_000;
const TOLD = 400;

function useNewest(): { lines: Line[] | null; error: string | null; retry: () => void } {
  const [state, setState] = useState<{ lines: Line[] | null; error: string | null }>({ lines: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const fetching = new Refetch();
    const origins = new Origins();
    fetching.run({
      ask: (signal) => fetchLogs({ level: 'warn' }, logWindow(), { limit: SHOWN }, signal),
      done: ({ entries }) => setState({ lines: entries.map((entry) => lineOf(entry, origins)), error: null }),
      failed: (error) => setState((old) => ({ ...old, error })),
      again: () => EVERY_MS,
    });
    return () => fetching.stop();
    // oxlint-disable-next-line react/exhaustive-deps, react/exhaustive-effect-dependencies -- another turn asks again
  }, [turn]);
  return { ...state, retry: () => setTurn(turn + 1) };
}

/** The newest lines that say that something is wrong, on Now. */
export function LogsCard() {
  const t = useSentence();
  const { lines, error, retry } = useNewest();
  return (
    <Card className="s7 fill" title={t('logs.title')} small={t('logs.small')} info={t('logs.info')} end={<Link to="/logs" search={{ level: 'warn' }}>{t('logs.all')}</Link>}>
      {error ? <Fault text={t('fault.list', { reason: error })} retry={t('action.retry')} onRetry={retry} /> : null}
      <ol className="log-card">
        {lines?.map((line, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- alike lines stand beside one another
          <li key={i}>
            <Link to="/logs" search={{ level: 'warn', line: lineId(line) }} preload={false} className={`log-row l-${levelTone(line.level)}`} data-row="" data-tip={t('logs.inContext', { message: showText(wordsOf(line).slice(0, TOLD)) })}>
              <time dateTime={line.time}>{timeOfDay(line.at)}</time><span className="lv">{t(`logs.level.${line.level}`)}</span>
              <span className="who">{showName(line.origin.instance ?? line.origin.source ?? '')}</span><span className="msg">{showText(wordsOf(line).slice(0, TOLD)).replaceAll('\n', ' ⏎ ')}</span>
            </Link>
          </li>
        ))}
        {lines || error ? null : Array.from({ length: 6 }, (_, i) => <li key={i} className="log-row"><Skeleton width="100%" /><Skeleton width="100%" /><Skeleton width="100%" /><Skeleton width="70%" /></li>)}
      </ol>
      {lines?.length === 0 ? <p className="empty">{t('logs.none')}</p> : null}
    </Card>
  );
}
