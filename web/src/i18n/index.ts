import { i18n } from '@lingui/core';
import { cloneElement, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import { readPreferences } from '../domain/preferences.ts';
import type en from './en.json';

export type MessageId = keyof typeof en;
type Locale = 'en' | 'fr';
export type Values = Record<string, string | number | null | undefined>;
export type Translate = (id: MessageId, values?: Values) => string;

/** The language of the screen: the user's choice, else the first of the browser's languages that we speak. */
function chooseLocale(chosen: 'auto' | Locale, languages: readonly string[]): Locale {
  if (chosen !== 'auto') return chosen;
  const spoken = languages.map((language) => language.toLowerCase().split('-')[0]).find((l) => l === 'en' || l === 'fr');
  return spoken === 'fr' ? 'fr' : 'en';
}

const load = {
  en: () => import('virtual:catalogue/en'),
  fr: () => import('virtual:catalogue/fr'),
} satisfies Record<Locale, () => Promise<{ default: Record<string, string> }>>;

/** The sentences that only some pages need; they come with those. */
const loadPart = {
  cards: { en: () => import('virtual:catalogue/en/cards'), fr: () => import('virtual:catalogue/fr/cards') },
  dialogs: { en: () => import('virtual:catalogue/en/dialogs'), fr: () => import('virtual:catalogue/fr/dialogs') },
  explore: { en: () => import('virtual:catalogue/en/explore'), fr: () => import('virtual:catalogue/fr/explore') },
  queue: { en: () => import('virtual:catalogue/en/queue'), fr: () => import('virtual:catalogue/fr/queue') },
  settings: { en: () => import('virtual:catalogue/en/settings'), fr: () => import('virtual:catalogue/fr/settings') },
  watch: { en: () => import('virtual:catalogue/en/watch'), fr: () => import('virtual:catalogue/fr/watch') },
  workers: { en: () => import('virtual:catalogue/en/workers'), fr: () => import('virtual:catalogue/fr/workers') },
} satisfies Record<string, typeof load>;
type Part = keyof typeof loadPart;

const parts = new Set<Part>();

export async function activateLocale(locale: Locale): Promise<void> {
  const catalogues = await Promise.all([load[locale](), ...[...parts].map((part) => loadPart[part][locale]())]);
  for (const catalogue of catalogues) i18n.load(locale, catalogue.default);
  i18n.activate(locale);
  if (typeof document !== 'undefined') document.documentElement.lang = locale;
}

/** Adds the sentences of a part, in the language on the screen and in any that is chosen later. */
async function speak(part: Part): Promise<void> {
  if (parts.has(part)) return;
  const locale = i18n.locale === 'fr' ? 'fr' : 'en';
  const catalogue = await loadPart[part][locale]();
  parts.add(part);
  // Loaded before anything is drawn that needs it, and nothing else has to be drawn again for it.
  i18n.load(locale, catalogue.default);
  if (i18n.locale !== locale && (i18n.locale === 'en' || i18n.locale === 'fr')) await activateLocale(i18n.locale);
}

/** A page or a dialog whose script and sentences come when it is opened. */
export const withWords = async <T>(needs: readonly Part[], script: Promise<T>): Promise<T> => (await Promise.all([script, ...needs.map((part) => speak(part))]))[0];

export const followLocale = (): Promise<void> =>
  activateLocale(chooseLocale(readPreferences().locale, navigator.languages));

/** A sentence of the catalogue in the language on the screen. Inside React take `useSentence`, which follows a change. */
export const sentence: Translate = (id, values) => i18n._(id, values);

let changes = 0;
i18n.on('change', () => { changes += 1; });
const onChange = (changed: () => void) => i18n.on('change', changed);

export function useSentence(): Translate {
  useSyncExternalStore(onChange, () => changes);
  return sentence;
}

/** A sentence with elements in it: `<0/>` in the catalogue is the first of `parts`. */
export function Rich(props: { id: MessageId; values?: Values; parts: ReactElement[] }): ReactNode {
  const t = useSentence();
  // Every second piece is the number of a part.
  return t(props.id, props.values).split(/<(\d)\/>/).map((piece, i) => {
    const part = i % 2 === 1 ? props.parts[Number(piece)] : undefined;
    return part ? cloneElement(part, { key: i }) : piece;
  });
}

let spoken: { locale: string; variant: string } | undefined;

/** The locale for Intl: the browser's own variant of the screen's language (en-GB, fr-CA) when it has one. */
export function currentLocale(): string {
  const locale = i18n.locale || 'en';
  if (spoken?.locale !== locale) {
    const variant = typeof navigator === 'undefined' ? undefined : navigator.languages?.find((l) => l.startsWith(locale));
    spoken = { locale, variant: variant ?? locale };
  }
  return spoken.variant;
}

const formats = new Map<string, Intl.NumberFormat>();

export function numberFormat(most: number, least = 0, notation: 'standard' | 'compact' = 'standard'): Intl.NumberFormat {
  const key = `${currentLocale()}|${most}|${least}|${notation}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat(currentLocale(), {
    maximumFractionDigits: most,
    minimumFractionDigits: least,
    notation,
  });
  formats.set(key, made);
  return made;
}
