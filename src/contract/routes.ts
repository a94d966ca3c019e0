// Every route there is.
import { agentRoutes } from './agent/route.ts';
import { daemonRoutes } from './daemon/route.ts';
import { descriptionRoutes } from './description.ts';
import { groupRoutes } from './group/route.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './job/route.ts';
import { keyRoutes } from './key/route.ts';
import { metricsRoutes } from './metrics.ts';
import { notificationRoutes } from './notification/route.ts';
import { peopleRoutes } from './people/route.ts';
import { poolRoutes } from './pool/route.ts';
import { prebuildRoutes } from './prebuilds/route.ts';
import { provisionerRoutes } from './provisioner/route.ts';
import { quotaRoutes } from './quota/route.ts';
import { templateRoutes } from './template/route.ts';
import { waiterRoutes } from './waiter/route.ts';
import { workspaceRoutes } from './workspace/route.ts';

export const routes = {
  ...healthRoutes,
  ...metricsRoutes,
  ...descriptionRoutes,
  ...peopleRoutes,
  ...groupRoutes,
  ...quotaRoutes,
  ...templateRoutes,
  ...poolRoutes,
  ...prebuildRoutes,
  ...workspaceRoutes,
  ...waiterRoutes,
  ...notificationRoutes,
  ...jobRoutes,
  ...keyRoutes,
  ...daemonRoutes,
  ...provisionerRoutes,
  ...agentRoutes,
} as const;

export type Routes = typeof routes;
export type RouteId = keyof Routes;
