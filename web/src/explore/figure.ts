import { numberFormat } from '../i18n/index.ts';

/** A value of unknown unit: four places that mean something, exponents where the number is out of sight. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '−Inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.000_1 || size >= 1e15)) return value.toExponential(3);
  const places = size >= 1_000 ? 1 : size >= 10 ? 2 : size >= 0.1 ? 4 : 6;
  return numberFormat(places).format(value);
}

export const figureTick = (value: number): string =>
  Math.abs(value) >= 10_000 ? numberFormat(2, 0, 'compact').format(value) : figure(value);
