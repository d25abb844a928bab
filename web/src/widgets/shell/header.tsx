import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useSentence } from '../../i18n/index.ts';
import { Segmented } from '../../ui/index.tsx';
import { AgePill } from './age-pill.tsx';
import { DisplayMenu } from './display-menu.tsx';
import { PAGES } from './pages.ts';

function Brand() {
  return (
    <Link className="brand" to="/">
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
        <path d="M10 2 3 17h14z" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" />
        <circle cx="10" cy="12" r="2.2" fill="var(--ok)" />
      </svg>
      vigie
    </Link>
  );
}

export function Header(props: { onPalette: () => void; onShortcuts: () => void }) {
  const t = useSentence();
  return (
    <header className="top">
      <Brand />
      <nav className="top-nav" aria-label={t('nav.label')}>
        {PAGES.map((page) => (
          <Link key={page.to} to={page.to} activeOptions={{ exact: page.to === '/', includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
            {t(page.label)}
          </Link>
        ))}
      </nav>
      <div className="right">
        <button type="button" className="pill jump" onClick={props.onPalette} aria-keyshortcuts="Control+K">
          <span>{t('palette.open')}</span> <kbd>Ctrl K</kbd>
        </button>
        <RangePicker />
        <AgePill />
        <DisplayMenu onShortcuts={props.onShortcuts} />
      </div>
    </header>
  );
}

/** How far back the charts look; a brushed stretch takes its place until it is let go. */
function RangePicker() {
  const t = useSentence();
  const { range, from } = useSearch({ from: '__root__' });
  const navigate = useNavigate();
  const go = (next: '5m' | '15m') =>
    void navigate({ to: '.', search: (old) => ({ ...old, range: next === '5m' ? '5m' : undefined, from: undefined, to: undefined }) });
  return (
    <span className="range">
      <Segmented
        label={t('range.label')} value={from === undefined ? (range ?? '15m') : 'zoom'} onChange={(next) => go(next === '5m' ? '5m' : '15m')}
        options={[
          { value: '5m', label: t('range.5m') },
          { value: '15m', label: t('range.15m') },
        ]}
      />
      {from === undefined ? null : <button type="button" className="btn" onClick={() => go(range ?? '15m')}>{t('range.reset')}</button>}
    </span>
  );
}

/** On a phone the pages are at the thumb. */
export function PhoneNav() {
  const t = useSentence();
  return (
    <nav className="phone-nav" aria-label={t('nav.phone')}>
      {PAGES.map((page) => (
        <Link key={page.to} to={page.to} activeOptions={{ exact: page.to === '/', includeSearch: false }} activeProps={{ 'aria-current': 'page' }}>
          <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
            <path d={page.icon} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" strokeLinecap="round" />
          </svg>
          {t(page.label)}
        </Link>
      ))}
    </nav>
  );
}
