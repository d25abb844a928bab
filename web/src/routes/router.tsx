import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect, retainSearchParams } from '@tanstack/react-router';
import { withWords } from '../i18n/index.ts';
import { Shell } from '../widgets/shell/shell.tsx';
import { Late } from '../widgets/shell/late.tsx';
import { Lost } from '../widgets/shell/lost.tsx';
import { NowPage } from './now.tsx';
import { patiently } from './patiently.ts';
import { eventsSearch, exploreSearch, instancesSearch, logsSearch, parseSearch, queueSearch, queuesSearch, shellSearch, stringifySearch, workersSearch } from './search.ts';

const root = createRootRoute({
  component: Shell,
  notFoundComponent: Lost,
  validateSearch: shellSearch,
  search: { middlewares: [retainSearchParams(['range', 'from', 'to', 'cmp', 'tz', 'wall'])] },
});

const now = createRoute({ getParentRoute: () => root, path: '/', component: NowPage });

const queues = createRoute({
  getParentRoute: () => root, path: '/queues', validateSearch: queuesSearch,
  component: lazyRouteComponent(() => patiently(() => import('./queues.tsx')), 'QueuesPage'),
});

const queue = createRoute({
  getParentRoute: () => root, path: '/queues/$source/$kind/$queue', validateSearch: queueSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['queue'], import('./queue.tsx'))), 'QueuePage'),
});

const anyKind = createRoute({
  getParentRoute: () => root, path: '/queues/$source/$queue', validateSearch: queueSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['queue'], import('./queue.tsx'))), 'AnyKindPage'),
});

const workers = createRoute({
  getParentRoute: () => root, path: '/workers', validateSearch: workersSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['workers'], import('./workers.tsx'))), 'WorkersPage'),
});

const instances = createRoute({
  getParentRoute: () => root, path: '/instances', validateSearch: instancesSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['cards', 'watch'], import('./instances.tsx'))), 'InstancesPage'),
});

const logs = createRoute({
  getParentRoute: () => root, path: '/logs', validateSearch: logsSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['cards', 'watch'], import('./logs.tsx'))), 'LogsPage'),
});

const events = createRoute({
  getParentRoute: () => root, path: '/events', validateSearch: eventsSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['cards', 'watch'], import('./events.tsx'))), 'EventsPage'),
});

const explore = createRoute({
  getParentRoute: () => root, path: '/explore', validateSearch: exploreSearch,
  component: lazyRouteComponent(() => patiently(() => withWords(['explore'], import('./explore.tsx'))), 'ExplorePage'),
});

const settings = createRoute({
  getParentRoute: () => root, path: '/settings',
  beforeLoad: () => { throw redirect({ to: '/settings/sources', replace: true }); },
});

const sources = createRoute({
  getParentRoute: () => root, path: '/settings/sources',
  component: lazyRouteComponent(() => patiently(() => withWords(['settings'], import('./settings.tsx'))), 'SourcesPage'),
});

const apiDocs = createRoute({
  getParentRoute: () => root, path: '/api/docs',
  component: lazyRouteComponent(() => patiently(() => withWords(['settings'], import('./api-docs.tsx'))), 'ApiDocsPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([now, queues, queue, anyKind, workers, instances, logs, events, explore, settings, sources, apiDocs]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultPendingMs: 1_500,
  defaultPendingMinMs: 0,
  defaultPendingComponent: Late,
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
