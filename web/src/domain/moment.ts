import type { Maybe } from '../api/contract.ts';
import { currentLocale } from '../i18n/index.ts';
import { readPreferences } from './preferences.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

let addressed: 'utc' | 'local' | undefined;

/** A link may name the zone; it then wins over the reader's own choice. */
export function followAddressZone(zone: 'utc' | 'local' | undefined): void {
  addressed = zone;
}

export const shownZone = (): 'utc' | 'local' => addressed ?? readPreferences().zone;
export const timeZone = (): string | undefined => (shownZone() === 'utc' ? 'UTC' : undefined);

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zone = timeZone();
  const key = `${currentLocale()}|${zone}|${JSON.stringify(options)}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(currentLocale(), { ...options, hourCycle: 'h23', ...(zone ? { timeZone: zone } : {}) });
  formats.set(key, made);
  return made;
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' };

/** "14:02:11", with the date before it when that is not today. */
export function timeOfDay(at: Maybe<string | number>, now = Date.now()): string {
  if (at === null || at === undefined) return '–';
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  const day = format({ day: '2-digit', month: 'short' });
  const clock = format(CLOCK).format(date);
  return day.format(date) === day.format(new Date(now)) ? clock : `${day.format(date)} ${clock}`;
}

const minuteOfDay = (seconds: number): string => format({ hour: '2-digit', minute: '2-digit' }).format(seconds * 1_000);
export const secondOfDay = (seconds: number): string => format(CLOCK).format(seconds * 1_000);

const DAY = 86_400;
const dayOfYear = (seconds: number): string => format({ day: '2-digit', month: 'short' }).format(seconds * 1_000);

/** A line of a time axis whose lines are `step` seconds apart: the day where a day begins, else as fine as the step. */
export function axisMoment(seconds: number, step: number): string {
  if (step >= DAY) return dayOfYear(seconds);
  if (step < 60) return secondOfDay(seconds);
  const minute = minuteOfDay(seconds);
  return minute === '00:00' ? dayOfYear(seconds) : minute;
}

/** A moment under the cursor of a chart that shows `span` seconds: with its day where the hour alone would not tell. */
export const cursorMoment = (seconds: number, span: number): string =>
  span > DAY / 2 ? `${dayOfYear(seconds)} ${span > 2 * DAY ? minuteOfDay(seconds) : secondOfDay(seconds)}` : timeOfDay(seconds * 1_000);

/** "14:02 – 14:20", with days where they are not today or not the same. */
export function spanText(from: number, to: number, now = Date.now()): string {
  const year = new Date(now).getFullYear();
  const dated = (seconds: number) => (new Date(seconds * 1_000).getFullYear() === year ? dayOfYear(seconds) : format({ year: 'numeric', month: 'short', day: '2-digit' }).format(seconds * 1_000));
  const today = dayOfYear(now / 1_000);
  const [day, otherDay] = [dated(from), dated(to)];
  const clock = to - from < 600 ? secondOfDay : minuteOfDay;
  const left = day === today && otherDay === today ? clock(from) : `${day} ${clock(from)}`;
  return `${left} – ${otherDay === day ? clock(to) : `${otherDay} ${clock(to)}`}`;
}

/** Date, time and zone in full, for tooltips. */
export const fullMoment = (at: Maybe<string>): string =>
  at ? format({ year: 'numeric', month: 'long', day: 'numeric', ...CLOCK, timeZoneName: 'short' }).format(new Date(at)) : '–';
