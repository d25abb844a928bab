// The queues of this example and what flows through them.

/** Job names of a ledger run, and the queue of each. */
export const LEDGER_QUEUES = {
  'send-welcome': 'emails',
  'send-receipt': 'emails',
  'index-document': 'search',
  'resize-image': 'media',
};

/** The demo's flows; see Day in ../workload/day.js for the fields. */
export const FLOWS = [
  { queue: 'emails', types: ['send-welcome', 'send-receipt', 'send-reset'], perSecond: 3, sleepMs: [20, 180], bursts: true, delayed: 0.06, prioritized: 0.15 },
  { queue: 'search', types: ['index-document', 'delete-document'], perSecond: 3, sleepMs: [5, 60], badSpells: true, forget: true },
  { queue: 'webhooks', types: ['deliver'], perSecond: 1.2, sleepMs: [30, 120] },
  { queue: 'media', types: ['resize-image', 'transcode'], perSecond: 1.8, sleepMs: [850, 1000], opening: 30, grows: true },
  { queue: 'billing', types: ['charge', 'refund'], perSecond: 0.4, sleepMs: [40, 120], opening: 22, paused: true, limit: 80 },
  { queue: 'nightly-export', types: ['dump'], perSecond: 0.15, sleepMs: [40, 120], opening: 12, limit: 300 },
];

/** A parent job that waits for its children: seen as waiting-children (blocked). */
export const ORDER_FLOW = { everyMs: 4000, parentQueue: 'orders', childQueue: 'stock' };
