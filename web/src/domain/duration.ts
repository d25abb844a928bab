import type { Maybe } from '../api/contract.ts';
import { numberFormat, sentence } from '../i18n/index.ts';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** "3.2 s", "4 min 12 s", "38 ms": two significant places, at most two units, by the language on the screen. */
export function duration(seconds: Maybe<number>): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '−' : '';
  if (size === 0) return sentence('unit.s', { n: '0' });
  if (size < 0.00005) return sign + sentence('unit.ms', { n: `<${numberFormat(1, 1).format(0.1)}` });
  if (size < 0.9995) return sign + sentence('unit.ms', { n: numberFormat(size < 0.00995 ? 1 : 0).format(size * 1_000) });
  if (size < 9.95) return sign + sentence('unit.s', { n: numberFormat(1, 1).format(size) });
  if (size < MINUTE - 0.5) return sign + sentence('unit.s', { n: numberFormat(0).format(size) });
  return sign + longer(Math.round(size));
}

const n = (value: number): string => numberFormat(0).format(value);

function longer(size: number): string {
  if (size < HOUR) return two('min', 's', n(Math.floor(size / MINUTE)), n(size % MINUTE));
  if (size < DAY) return two('h', 'min', n(Math.floor(size / HOUR)), n(Math.floor((size % HOUR) / MINUTE)));
  if (size >= 100 * DAY) return sentence('unit.d', { n: n(Math.floor(size / DAY)) });
  return two('d', 'h', n(Math.floor(size / DAY)), n(Math.floor((size % DAY) / HOUR)));
}

function two(big: 'min' | 'h' | 'd', small: 's' | 'min' | 'h', a: string, b: string): string {
  const first = sentence(`unit.${big}`, { n: a });
  return b === '0' ? first : `${first} ${sentence(`unit.${small}`, { n: b })}`;
}

/** A duration at a line of an axis, or one that was set: no places that say nothing. */
export const durationTick = (seconds: number): string =>
  Number.isInteger(seconds) && seconds > 0 && seconds < 10 ? sentence('unit.s', { n: n(seconds) }) : duration(seconds);

/** A figure that counts upwards: always in seconds below a minute, so that a ticking clock does not change its unit. */
export const age = (seconds: Maybe<number>): string => {
  if (seconds === null || seconds === undefined) return '–';
  return seconds < 9.95 ? sentence('unit.s', { n: numberFormat(1, 1).format(Math.max(0, seconds)) }) : duration(Math.round(seconds));
};

/** The age of the data: always in seconds with one place below ten, so that it ticks calmly. */
export const dataAge = (milliseconds: number): string =>
  milliseconds < 10_000 ? sentence('unit.s', { n: numberFormat(1, 1).format(Math.floor(milliseconds / 100) / 10) }) : duration(Math.floor(milliseconds / 1_000));

/** Seconds since an instant, never below 0. */
export const secondsSince = (at: Maybe<string>, now: number): number | null =>
  at ? Math.max(0, (now - Date.parse(at)) / 1_000) : null;
