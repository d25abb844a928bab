import { expect, it } from 'vitest';
import type { FailedJob } from '../api/failed.ts';
import { errorGroups } from './error-groups.ts';

const job = (id: string, error: string | null, change: Partial<FailedJob> = {}): FailedJob => ({ id, error, state: 'failed', too_long: false, type: 'send', time: `2026-11-26T07:00:0${id}Z`, ...change });

it('groups errors that differ by figures, ids and names only, the most frequent first', () => {
  const groups = errorGroups([
    job('1', 'no answer from 10.0.0.7:443 after 30 s'),
    job('2', 'user "ann" is unknown', { type: 'welcome' }),
    job('3', 'no answer from 10.0.0.8:443 after 31.5 s', { type: 'remind' }),
    job('4', 'no answer from 10.0.0.7:443 after 2 s\n  at send (mail.js:17)', { type: 'remind', state: 'retry' }),
    job('5', 'user "bob" is unknown'),
    job('6', 'order 9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d was not found'),
  ]);
  expect(groups.map(({ text, count, forGood, types, example }) => [text, count, forGood, types, example.id])).toEqual([
    ['no answer from <address> after # s', 3, 2, ['remind', 'send'], '4'],
    ['user "…" is unknown', 2, 2, ['send', 'welcome'], '5'],
    ['order <uuid> was not found', 1, 1, ['send'], '6'],
  ]);
});

it('keeps jobs without an error, a time or a type', () => {
  const [group] = errorGroups([job('1', null, { time: null, type: null }), job('2', '', { type: null })]);
  expect([group?.text, group?.count, group?.types, group?.example.id]).toEqual([null, 2, [], '2']);
  expect(errorGroups([])).toEqual([]);
});
