import type { Translate } from '../i18n/index.ts';

/** Why the lines are not there; what is wrong with an expression without the drawing that the server makes of it. */
export function faultWords(t: Translate, reason: string): string {
  const [, pattern, wrong] = /^q: the regular expression (".*") does not parse: .*error: (.+)$/s.exec(reason) ?? [];
  return pattern !== undefined && wrong !== undefined ? t('logs.badPattern', { pattern, reason: wrong }) : t('fault.list', { reason });
}
