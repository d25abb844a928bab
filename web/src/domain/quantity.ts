import type { Maybe } from '../api/contract.ts';
import { numberFormat, sentence } from '../i18n/index.ts';

export const ABSENT = '–';
const known = (value: Maybe<number>): value is number => value !== null && value !== undefined && Number.isFinite(value);

/** "1,284", and from a million "1.28 M": a table column must not burst. */
export function count(value: Maybe<number>): string {
  if (!known(value)) return ABSENT;
  if (Math.abs(value) < 1_000_000) return numberFormat(0).format(value);
  return numberFormat(2, 0, 'compact').format(value);
}

/** A rate without its unit, for columns whose head carries it. */
export function rate(value: Maybe<number>): string {
  if (!known(value)) return ABSENT;
  const size = Math.abs(value);
  if (size > 0 && size < 0.05) return `${value < 0 ? '−' : ''}<${numberFormat(1, 1).format(0.1)}`;
  if (size >= 1_000) return count(Math.round(value));
  return numberFormat(1, 1).format(value);
}

/** A rate at a line of an axis: no places that say nothing. */
export const rateTick = (value: number): string => numberFormat(value < 10 ? 1 : 0, 0, value >= 10_000 ? 'compact' : 'standard').format(value);

export const ratePerSecond = (value: Maybe<number>): string =>
  known(value) ? sentence('unit.perSecond', { n: rate(value) }) : ABSENT;

export function signedRate(value: Maybe<number>): string {
  if (!known(value)) return ABSENT;
  if (Math.abs(value) < 0.05) return numberFormat(0).format(0);
  return (value > 0 ? '+' : '−') + rate(Math.abs(value));
}

/** A share of 1 as percent. */
export function percent(ratio: Maybe<number>): string {
  if (!known(ratio)) return ABSENT;
  const places = ratio !== 0 && ratio < 0.0995 ? 1 : 0;
  return sentence('unit.percent', { n: numberFormat(places).format(ratio * 100) });
}

/** The failed among the finished, at most all of them; null where nothing finished, for that is not "0 failed". */
export function failedShare(failed: Maybe<number>, finished: Maybe<number>): number | null {
  if (!known(failed) || !known(finished) || finished <= 0) return null;
  return Math.min(1, failed / finished);
}

/** The slots in use among all slots; null where either is not told. */
export function usedShare({ busy, capacity }: { busy?: Maybe<number>; capacity?: Maybe<number> }): number | null {
  return known(busy) && known(capacity) && capacity > 0 ? busy / capacity : null;
}

const BYTES = ['unit.B', 'unit.kB', 'unit.MB', 'unit.GB'] as const;

export function bytes(value: Maybe<number>): string {
  if (!known(value)) return ABSENT;
  let step = 0;
  let size = value;
  while (size >= 1_000 && step < BYTES.length - 1) {
    size /= 1_000;
    step += 1;
  }
  return sentence(BYTES[step] ?? 'unit.B', { n: numberFormat(step === 0 ? 0 : 1).format(size) });
}
