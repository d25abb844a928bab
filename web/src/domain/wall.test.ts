import { describe, expect, it } from 'vitest';
import type { Clue } from '../api/contract.ts';
import { nextStop, wallStops } from './wall.ts';

const stuck = { severity: 'critical', code: 'stuck_workers_idle', source: 'main', kind: 'asynq', queue: 'emails', values: {}, text: '' } as Clue;
const flowing = { severity: 'ok', code: 'flowing', values: {}, text: '' } as Clue;

describe('a wall', () => {
  it('goes around the pages, and comes back', () => {
    const stops = wallStops(flowing);
    const seen: string[] = [];
    let path = '/';
    for (let i = 0; i < 5; i += 1) {
      const next = nextStop(stops, path);
      path = next && 'page' in next ? next.page : '?';
      seen.push(path);
    }
    expect(seen).toEqual(['/queues', '/workers', '/instances', '/', '/queues']);
  });
  it('shows the queue that is in trouble, after the whole', () => {
    const stops = wallStops(stuck);
    expect(nextStop(stops, '/')).toEqual({ source: 'main', kind: 'asynq', queue: 'emails' });
    expect(nextStop(stops, '/queues/main/asynq/emails')).toEqual({ page: '/queues' });
  });
  it('goes on from a queue that is well again, and begins anew from any other page', () => {
    expect(nextStop(wallStops(flowing), '/queues/main/asynq/emails')).toEqual({ page: '/queues' });
    expect(nextStop(wallStops(null), '/settings/sources')).toEqual({ page: '/' });
  });
});
