// The queues of this example and what flows through them.

/** Job names of a ledger run, and the queue of each. */
export const LEDGER_QUEUES = {
  welcome: 'mail',
  newsletter: 'mail',
  invoice: 'pdf',
  contract: 'pdf',
};

/** The demo's flows; see Day in ../workload/day.js for the fields. */
export const FLOWS = [
  { queue: 'mail', types: ['welcome', 'newsletter', 'reminder'], perSecond: 3, sleepMs: [20, 200], bursts: true, delayed: 0.05, prioritized: 0.1 },
  { queue: 'thumbs', types: ['small', 'large'], perSecond: 2, sleepMs: [30, 300], badSpells: true, forget: true },
  { queue: 'sms', types: ['send'], perSecond: 1, sleepMs: [30, 120] },
  { queue: 'pdf', types: ['invoice', 'contract'], perSecond: 1.7, sleepMs: [900, 1050], opening: 25, grows: true },
  { queue: 'payroll', types: ['pay'], perSecond: 0.3, sleepMs: [40, 120], opening: 16, paused: true, limit: 60 },
  { queue: 'old-reports', types: ['pack'], perSecond: 0.12, sleepMs: [40, 120], opening: 8, limit: 300 },
];
