import { useNavigate } from '@tanstack/react-router';
import { shownZone } from '../../domain/moment.ts';
import { readPreferences, setPreferences } from '../../domain/preferences.ts';
import { useSentence } from '../../i18n/index.ts';
import { Menu, Segmented } from '../../ui/index.tsx';

/** Sets the zone for this reader and in the address, so that a copied link shows the same times. */
export function useZone(): (zone: 'local' | 'utc') => void {
  const navigate = useNavigate();
  return (zone) => {
    setPreferences({ zone });
    void navigate({ to: '.', search: (old) => ({ ...old, tz: zone === 'utc' ? 'utc' : undefined }), replace: true });
  };
}

/** Theme, language and clock. */
export function DisplayMenu(props: { onShortcuts: () => void }) {
  const t = useSentence();
  const { theme, locale } = readPreferences();
  const setZone = useZone();
  const face = (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6.3" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M8 1.7a6.3 6.3 0 0 1 0 12.6z" fill="currentColor" />
    </svg>
  );
  return (
    <Menu label={t('display.label')} className="pill icon" tip={t('display.label')} face={face}>
      {(close) => (
        <>
          <h3>{t('display.theme')}</h3>
          <Segmented label={t('display.theme')} value={theme} onChange={(value) => setPreferences({ theme: value })} options={[
            { value: 'system', label: t('theme.system') }, { value: 'light', label: t('theme.light') }, { value: 'dark', label: t('theme.dark') },
          ]} />
          <h3>{t('display.language')}</h3>
          <Segmented label={t('display.language')} value={locale} onChange={(value) => setPreferences({ locale: value })} options={[
            { value: 'auto', label: t('language.auto') }, { value: 'en', label: 'English' }, { value: 'fr', label: 'Français' },
          ]} />
          <h3>{t('display.clock')}</h3>
          <Segmented label={t('display.clock')} value={shownZone()} onChange={setZone} options={[
            { value: 'local', label: t('clock.local') }, { value: 'utc', label: 'UTC' },
          ]} />
          <button type="button" onClick={() => { close(); props.onShortcuts(); }}>{t('shortcuts.title')} <kbd>?</kbd></button>
        </>
      )}
    </Menu>
  );
}
