import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Level, LogFilter } from '../../api/logs.ts';

/** The way to the lines of something. */
export function LinesLink(props: { of: Pick<LogFilter, 'source' | 'queue' | 'job' | 'instance' | 'trace'> & { level?: Level; from?: number; to?: number; range?: undefined }; tip?: string | undefined; isRow?: boolean; className?: string; children: ReactNode }) {
  return <Link to="/logs" search={props.of} preload={false} className={props.className} data-tip={props.tip} data-row={props.isRow ? '' : undefined}>{props.children}</Link>;
}
