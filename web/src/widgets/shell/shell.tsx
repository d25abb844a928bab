import { Outlet, useNavigate, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { chartView } from '../../charts/view.ts';
import { DEFAULT_PRESET } from '../../domain/span.ts';
import { followAddressZone } from '../../domain/moment.ts';
import { readPreferences, watchPreferences } from '../../domain/preferences.ts';
import { useSentence, withWords } from '../../i18n/index.ts';
import { useTopic } from '../../live/hooks.ts';
import { patiently } from '../../routes/patiently.ts';
import { Header, PhoneNav } from './header.tsx';
import { useShortcuts } from './shortcuts.ts';
import { VerdictBar } from './verdict-bar.tsx';

const Palette = lazy(async () => ({ default: (await patiently(() => withWords(['dialogs'], import('./palette.tsx')))).Palette }));
const Wall = lazy(async () => ({ default: (await patiently(() => import('./wall.tsx'))).Wall }));
const ShortcutList = lazy(async () => ({ default: (await patiently(() => withWords(['dialogs'], import('./shortcut-list.tsx')))).ShortcutList }));

const usePreferences = () => useSyncExternalStore(watchPreferences, readPreferences);

/** Tells the charts what the address says, and the address what a brush or a choice asks for. */
function useChartView(): void {
  const { range, from, to, cmp } = useSearch({ from: '__root__' });
  const navigate = useNavigate();
  useEffect(() => {
    chartView.set({ range: range ?? DEFAULT_PRESET, span: from !== undefined && to !== undefined ? { from, to } : null }, cmp ?? null);
  }, [range, from, to, cmp]);
  useEffect(() => {
    chartView.answerWith(({ range: preset, span }) => void navigate({
      to: '.', search: (old) => ({ ...old, range: preset === DEFAULT_PRESET ? undefined : preset, from: span?.from, to: span?.to }),
    }));
  }, [navigate]);
}

/** What surrounds every page: where one is, how it stands, how old the news is. */
export function Shell() {
  const t = useSentence();
  const [open, setOpen] = useState<'palette' | 'shortcuts' | null>(null);
  const { tz, wall } = useSearch({ from: '__root__' });
  usePreferences();
  followAddressZone(tz);
  useTopic('now');
  useTopic('sources');
  useChartView();
  const palette = useCallback(() => setOpen('palette'), []);
  const shortcuts = useCallback(() => setOpen('shortcuts'), []);
  useShortcuts({ palette, shortcuts });
  return (
    <>
      <a className="skip" href="#page">{t('shell.skip')}</a>
      {wall ? null : <Header onPalette={palette} onShortcuts={shortcuts} />}
      <main id="page" tabIndex={-1}>
        <VerdictBar />
        <Outlet />
      </main>
      {wall ? null : <PhoneNav />}
      <Suspense fallback={null}>
        {wall ? <Wall /> : null}
        {open === 'palette' ? <Palette onClose={() => setOpen(null)} onShortcuts={() => setOpen('shortcuts')} /> : null}
        {open === 'shortcuts' ? <ShortcutList onClose={() => setOpen(null)} /> : null}
      </Suspense>
    </>
  );
}
