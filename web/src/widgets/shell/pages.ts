import type { MessageId } from '../../i18n/index.ts';

/** The pages of the navigation, with the key that follows `g`. */
export const PAGES = [
  { to: '/', key: 'n', label: 'nav.now', icon: 'M2 10h3l2-6 3 12 3-8 1.5 2H18' },
  { to: '/queues', key: 'q', label: 'nav.queues', icon: 'M3 5h14M3 10h14M3 15h9' },
  { to: '/workers', key: 'w', label: 'nav.workers', icon: 'M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z' },
  { to: '/instances', key: 'i', label: 'nav.instances', icon: 'M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.5M6 13.5h.5' },
  { to: '/logs', key: 'l', label: 'nav.logs', icon: 'M3 4h14M3 8h9M3 12h14M3 16h6' },
  { to: '/events', key: 'v', label: 'nav.events', icon: 'M6 3v14M6 5h9M6 10h6M6 15h9' },
  { to: '/explore', key: 'e', label: 'nav.explore', icon: 'M3 3v14h14M6 12l3-4 3 3 5-6' },
  { to: '/settings/sources', key: 's', label: 'nav.settings', icon: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4' },
] as const satisfies readonly { to: string; key: string; label: MessageId; icon: string }[];
