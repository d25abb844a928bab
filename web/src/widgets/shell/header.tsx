import { Link } from '@tanstack/react-router';
import { useSentence } from '../../i18n/index.ts';
import { AgePill } from './age-pill.tsx';
import { DisplayMenu } from './display-menu.tsx';
import { PAGES } from './pages.ts';
import { RangePicker } from './range-picker.tsx';

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
