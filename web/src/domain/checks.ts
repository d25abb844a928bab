import type { MessageId } from '../i18n/index.ts';

/** What can be looked for in a source: each has a label of its own. */
export const CHECKS = [
  'acl', 'addresses', 'api', 'asynq', 'backends', 'bull', 'bullmq', 'connect', 'cut', 'dns', 'encoding', 'event_metrics', 'events', 'files', 'health', 'instances', 'jobs',
  'kept', 'limit', 'lines', 'log_files', 'logs', 'logs_path', 'metrics', 'metrics_path', 'queue', 'read', 'registry', 'schedules', 'targets', 'upstreams', 'workers',
] as const;

/** The label of a check; null for one of a newer server. */
export function checkLabel(id: string): MessageId | null {
  const known = CHECKS.find((name) => name === id);
  return known ? `check.${known}` : null;
}
