import type { Instance } from '../../api/instances.ts';
import type { Translate } from '../../i18n/index.ts';

/** How an instance is, in words. */
export function instanceState(t: Translate, instance: Instance): string {
  if (instance.stale) return t('instances.stale');
  if (instance.disagree) return t('instances.disagree');
  switch (instance.status) {
    case 'up': return t('instances.up');
    case 'down': return t('instances.down');
    case 'degraded': return t('instances.degraded');
    default: return t('instances.unknown');
  }
}
