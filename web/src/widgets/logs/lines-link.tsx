import { Link } from '@tanstack/react-router';
import { useSyncExternalStore, type ReactNode } from 'react';
import type { Level, LogFilter } from '../../api/logs.ts';
import { readFeatures, watchFeatures } from '../../live/features.ts';

/** The way to the lines of something, where the server keeps lines; else only what it says. */
export function LinesLink(props: { of: Pick<LogFilter, 'source' | 'queue' | 'job' | 'instance' | 'trace'> & { level?: Level; from?: number; to?: number; range?: undefined }; tip?: string | undefined; isRow?: boolean; className?: string; bare?: ReactNode; children: ReactNode }) {
  const { logs } = useSyncExternalStore(watchFeatures, readFeatures);
  if (!logs) return <>{props.bare ?? null}</>;
  return <Link to="/logs" search={props.of} preload={false} className={props.className} data-tip={props.tip} data-row={props.isRow ? '' : undefined}>{props.children}</Link>;
}
