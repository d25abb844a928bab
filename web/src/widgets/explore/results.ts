import { useEffect, useState } from 'react';
import type { Ink } from '../../charts/ink.ts';
import { chartView } from '../../charts/view.ts';
import type { Span } from '../../domain/span.ts';
import type { Outcome } from '../../explore/asking.ts';
import { highest, onGrid, type Grid, type Line } from '../../explore/matrix.ts';
import { run } from '../../explore/runner.ts';
import { clock } from '../../live/session.ts';

export const LETTERS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'] as const;
export type Letter = (typeof LETTERS)[number];

/** A query that is asked, with its letter. */
export interface Asked {
  letter: Letter;
  query: string;
  /** LogQL, not PromQL. */
  isLog: boolean;
}

/** What came of a query. */
export interface Slot {
  key: string;
  span: Span;
  query: string;
  isLog: boolean;
  outcome: Outcome | null;
  error: string | null;
}
export type Slots = Partial<Record<Letter, Slot>>;

const POINTS = 480;

/** Asks every query anew when one of them, the stretch, the kind or the number of the run changes. */
export function useAnswers(asked: Asked[], kind: 'range' | 'instant', look: string, count: number): { slots: Slots; key: string } {
  const [slots, setSlots] = useState<Slots>({});
  const key = JSON.stringify([asked, kind, look, count]);
  useEffect(() => {
    const [all, of] = JSON.parse(key) as [Asked[], 'range' | 'instant'];
    const abort = new AbortController();
    const to = Math.round(clock.now() / 1_000);
    const span = chartView.zoom ?? { from: to - chartView.rangeSeconds, to };
    for (const { letter, query, isLog } of all) {
      const put = (outcome: Outcome | null, error: string | null) => {
        if (!abort.signal.aborted) setSlots((old) => ({ ...old, [letter]: { key, span, query, isLog, outcome, error } }));
      };
      run({ query, isLog, kind: of, span, points: POINTS }, abort.signal).then((outcome) => put(outcome, null), (error: unknown) => put(null, error instanceof Error ? error.message : String(error)));
    }
    return () => abort.abort();
  }, [key]);
  return { slots, key };
}

/** A series with how it looks on the chart. */
export interface Drawn {
  letter: Letter;
  line: Line;
  grid: Grid;
  ink: Ink;
  dash: number[];
  values: (number | null | undefined)[];
}
export type Listed = Omit<Drawn, 'values'>;

const INKS = 8;
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const inkOf = (n: number): Ink => `q-${((n % INKS) + 1) as 1}`;

/** With one query each series has a colour; with several, each query has one, and its series differ by their dashes. */
export function listed(slots: Slots, letters: readonly Letter[]): Listed[] {
  const many = letters.length > 1;
  return letters.flatMap((letter) => {
    const answer = slots[letter]?.outcome?.answer;
    const base = LETTERS.indexOf(letter);
    return (answer?.lines ?? []).map((line, i) => ({
      letter, line, grid: answer?.grid ?? { start: 0, step: 1, length: 1 },
      ink: many ? inkOf(base) : inkOf(base + i), dash: DASHES[(many ? i : Math.floor(i / INKS)) % DASHES.length] ?? [],
    }));
  });
}

/** The finest grid among the answers: all lines are laid on it. */
export function baseGrid(rows: readonly Listed[]): Grid | null {
  return rows.reduce<Grid | null>((best, { grid }) => (best === null || grid.step < best.step ? grid : best), null);
}

/** What is drawn: the highest, when there are more than may be. */
export function drawnOf(rows: readonly Listed[], base: Grid, most: number): Drawn[] {
  const places = highest(rows.map(({ line }) => line), most);
  return places.flatMap((i) => {
    const row = rows[i];
    return row ? [{ ...row, values: onGrid(row.line, row.grid, base) }] : [];
  });
}
