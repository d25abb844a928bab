import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { togglePause } from '../../live/session.ts';
import { PAGES } from './pages.ts';

const CHORD_MS = 1_200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));

const isPressable = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('button, a, summary, [popover]') !== null;

/** Moves the focus among the rows of the page's main table; the first press enters it. */
function stepRow(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('#page [data-row]')];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by));
  rows[next]?.focus();
  rows[next]?.scrollIntoView({ block: 'nearest' });
}

interface ShortcutActions {
  palette: () => void;
  shortcuts: () => void;
}

/** The keys that work on every page. They keep quiet while one types and while a dialog is open. */
export function useShortcuts(actions: ShortcutActions): void {
  const navigate = useNavigate();
  const { palette, shortcuts } = actions;
  useEffect(() => {
    let chordUntil = 0;
    const press = (event: KeyboardEvent): (() => void) | undefined => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') return palette;
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return undefined;
      if (performance.now() < chordUntil) {
        chordUntil = 0;
        const page = PAGES.find((candidate) => candidate.key === event.key);
        return page ? () => void navigate({ to: page.to }) : undefined;
      }
      switch (event.key) {
        case 'g': return () => { chordUntil = performance.now() + CHORD_MS; };
        case 'p': return togglePause;
        case ' ': return isPressable(event.target) ? undefined : togglePause;
        case '?': return shortcuts;
        case '/': return () => document.querySelector<HTMLElement>('[data-filter]')?.focus();
        case 'j': return () => stepRow(1);
        case 'k': return () => stepRow(-1);
        default: return undefined;
      }
    };
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
      const action = press(event);
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, [navigate, palette, shortcuts]);
}
