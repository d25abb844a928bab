import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect, retainSearchParams } from '@tanstack/react-router';
import { speakExplore } from '../i18n/index.ts';
import { Shell } from '../widgets/shell/shell.tsx';
import { Lost } from '../widgets/shell/lost.tsx';
import { NowPage } from './now.tsx';
import { exploreSearch, parseSearch, queueSearch, queuesSearch, shellSearch, stringifySearch, workersSearch } from './search.ts';

const root = createRootRoute({
  component: Shell,
  notFoundComponent: Lost,
  validateSearch: shellSearch,
  search: { middlewares: [retainSearchParams(['range', 'from', 'to', 'cmp', 'tz'])] },
});

const now = createRoute({ getParentRoute: () => root, path: '/', component: NowPage });

const queues = createRoute({
  getParentRoute: () => root, path: '/queues', validateSearch: queuesSearch,
  component: lazyRouteComponent(() => import('./queues.tsx'), 'QueuesPage'),
});

const queue = createRoute({
  getParentRoute: () => root, path: '/queues/$source/$kind/$queue', validateSearch: queueSearch,
  component: lazyRouteComponent(() => import('./queue.tsx'), 'QueuePage'),
});

const anyKind = createRoute({
  getParentRoute: () => root, path: '/queues/$source/$queue', validateSearch: queueSearch,
  component: lazyRouteComponent(() => import('./queue.tsx'), 'AnyKindPage'),
});

const workers = createRoute({
  getParentRoute: () => root, path: '/workers', validateSearch: workersSearch,
  component: lazyRouteComponent(() => import('./workers.tsx'), 'WorkersPage'),
});

const explore = createRoute({
  getParentRoute: () => root, path: '/explore', validateSearch: exploreSearch,
  component: lazyRouteComponent(async () => {
    const [page] = await Promise.all([import('./explore.tsx'), speakExplore()]);
    return page;
  }, 'ExplorePage'),
});

const settings = createRoute({
  getParentRoute: () => root, path: '/settings',
  beforeLoad: () => { throw redirect({ to: '/settings/sources', replace: true }); },
});

const sources = createRoute({
  getParentRoute: () => root, path: '/settings/sources',
  component: lazyRouteComponent(() => import('./settings.tsx'), 'SourcesPage'),
});

const apiDocs = createRoute({
  getParentRoute: () => root, path: '/api/docs',
  component: lazyRouteComponent(() => import('./api-docs.tsx'), 'ApiDocsPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([now, queues, queue, anyKind, workers, explore, settings, sources, apiDocs]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultPendingMs: 300,
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
