// Small sums over samples.

/** The value below which this share of the samples lies. */
export function quantile(samples, share) {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}

export const median = (samples) => quantile(samples, 0.5);

/** p50, p95 and max. */
export const spread = (samples) => ({ count: samples.length, p50: median(samples), p95: quantile(samples, 0.95), max: quantile(samples, 1) });

export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
