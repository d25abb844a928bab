/** By what instances are sorted and chosen: words of the address. */
export const INSTANCE_SORTS = ['worst', 'name', 'status', 'since', 'p50', 'p95', 'load', 'version', 'restarts'] as const;
export type InstanceSort = (typeof INSTANCE_SORTS)[number];
export const INSTANCE_STATUSES = ['up', 'degraded', 'down', 'unknown'] as const;
