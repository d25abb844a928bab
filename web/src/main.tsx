import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import './ui/tokens.css';
import './ui/base.css';
import './charts/charts.css';
import './widgets/widgets.css';
import './widgets/phone.css';
import { followTheme, watchPreferences } from './domain/preferences.ts';
import { followLocale } from './i18n/index.ts';
import { startLive } from './live/session.ts';
import { router } from './routes/router.tsx';
import { installTips } from './ui/tips.ts';

async function start(): Promise<void> {
  followTheme();
  startLive();
  installTips();
  await followLocale();
  watchPreferences(() => void followLocale());
  const place = document.getElementById('root');
  if (!place) return;
  createRoot(place).render(<RouterProvider router={router} />);
}

void start();
