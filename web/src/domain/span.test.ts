import { describe, expect, it } from 'vitest';
import { brushedSpan, fieldSeconds, fieldText, planFor, ZoomTrail, type Look } from './span.ts';

const live: Look = { range: '1h', span: null };
const zoom = (from: number, to: number): Look => ({ range: '1h', span: { from, to } });

describe('a brush', () => {
  it('is whole seconds, whichever way the hand went', () => {
    expect(brushedSpan(100.4, 160.6)).toEqual({ from: 100, to: 161 });
    expect(brushedSpan(160.6, 100.4)).toEqual({ from: 100, to: 161 });
  });
  it('means nothing when it is a slip, or outside of time', () => {
    expect(brushedSpan(100, 102)).toBeNull();
    expect(brushedSpan(Number.NaN, 200)).toBeNull();
    expect(brushedSpan(-500, 60)).toEqual({ from: 1, to: 60 });
  });
});

describe('a double click', () => {
  it('goes back by one brush at a time, then to the preset', () => {
    const trail = new ZoomTrail();
    trail.push(live);
    trail.push(zoom(100, 900));
    expect(trail.back(zoom(200, 300))).toEqual(zoom(100, 900));
    expect(trail.back(zoom(100, 900))).toEqual(live);
    expect(trail.back(live)).toEqual(live);
  });
  it('passes over where the browser went back to by itself', () => {
    const trail = new ZoomTrail();
    trail.push(live);
    trail.push(zoom(100, 900));
    expect(trail.back(zoom(100, 900))).toEqual(live);
  });
  it('leaves the zoom of a copied link for its preset', () => {
    expect(new ZoomTrail().back(zoom(100, 900))).toEqual(live);
  });
  it('forgets the way when a preset is chosen', () => {
    const trail = new ZoomTrail();
    trail.push(zoom(100, 900));
    trail.clear();
    expect(trail.back(zoom(200, 300))).toEqual(live);
  });
});

describe('the plan', () => {
  it('takes the stream up to a quarter of an hour, the store beyond', () => {
    expect(planFor(900, null, null)).toEqual({ from: 'stream' });
    expect(planFor(3_600, null, null)).toEqual({ from: 'store', span: null, seconds: 3_600 });
  });
  it('takes a zoom from what is here, and asks for the rest', () => {
    const held = { from: 1_000, to: 1_900 };
    expect(planFor(900, { from: 1_100, to: 1_200 }, held)).toEqual({ from: 'memory', span: { from: 1_100, to: 1_200 } });
    expect(planFor(900, { from: 900, to: 1_200 }, held)).toEqual({ from: 'store', span: { from: 900, to: 1_200 }, seconds: 300 });
    expect(planFor(900, { from: 1_100, to: 1_200 }, null)).toMatchObject({ from: 'store' });
  });
});

describe('the fields of a custom range', () => {
  it('are read and written in either zone', () => {
    expect(fieldSeconds('2026-11-25T14:00', 'utc')).toBe(Date.UTC(2026, 10, 25, 14) / 1_000);
    for (const zone of ['utc', 'local'] as const) expect(fieldSeconds(fieldText(1_795_615_261, zone), zone)).toBe(1_795_615_261);
  });
  it('say nothing when they are empty or half filled', () => {
    for (const text of ['', '2026-11-25', 'yesterday', '2026-13-45T99:99']) expect(fieldSeconds(text, 'utc')).toBeNull();
  });
});
