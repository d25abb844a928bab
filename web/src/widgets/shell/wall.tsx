import { useLocation, useNavigate, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { NowDoc } from '../../api/contract.ts';
import { nextStop, WALL_SECONDS, wallStops } from '../../domain/wall.ts';
import { useSentence } from '../../i18n/index.ts';
import { usePaused } from '../../live/hooks.ts';
import { store } from '../../live/session.ts';
import { queueTarget } from '../queue-link.tsx';
import { AgePill } from './age-pill.tsx';
import './wall.css';

/** Less than this below the edge is nothing to read. */
const LEAST_REST_PX = 80;
/** What was at the edge is seen whole once. */
const SCREEN_SHARE = 0.85;

/** Moves on by a screen where the page goes on below; false at its end. Nobody scrolls on a wall. */
function showMore(): boolean {
  const page = document.documentElement;
  const rest = page.scrollHeight - page.clientHeight - window.scrollY;
  if (rest <= LEAST_REST_PX) return false;
  window.scrollBy({ top: page.clientHeight * SCREEN_SHARE });
  return true;
}

/** Goes to the next screen or page of the wall after a while; stands still while the screen is frozen. */
function useRotation(): void {
  const { pathname } = useLocation();
  const { wall } = useSearch({ from: '__root__' });
  const seconds = wall === undefined || wall === 1 ? WALL_SECONDS : wall;
  const navigate = useNavigate();
  const paused = usePaused();
  useEffect(() => {
    if (paused) return undefined;
    const timer = setInterval(() => {
      if (showMore()) return;
      const next = nextStop(wallStops(store.read<NowDoc>('now')?.verdict), pathname);
      window.scrollTo({ top: 0 });
      // The pages that went by are no way back.
      if (next && 'page' in next) void navigate({ to: next.page, replace: true });
      else if (next) void navigate({ ...queueTarget(next.source, next.kind, next.queue), replace: true });
    }, seconds * 1_000);
    return () => clearInterval(timer);
  }, [pathname, paused, seconds, navigate]);
}

/** What is left of the surroundings on a wall: how old the news is, and for whoever comes near, the way out. */
export function Wall() {
  const t = useSentence();
  const navigate = useNavigate();
  useRotation();
  useEffect(() => {
    document.documentElement.dataset['wall'] = '';
    const leave = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) void navigate({ to: '.', search: (old) => ({ ...old, wall: undefined }) });
    };
    window.addEventListener('keydown', leave);
    return () => {
      delete document.documentElement.dataset['wall'];
      window.removeEventListener('keydown', leave);
    };
  }, [navigate]);
  return (
    <div className="wall-corner">
      <button type="button" className="pill" onClick={() => void navigate({ to: '.', search: (old) => ({ ...old, wall: undefined }) })}>{t('wall.leave')} <kbd>Esc</kbd></button>
      <AgePill />
    </div>
  );
}
