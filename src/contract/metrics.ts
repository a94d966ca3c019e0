// Figures about the work, in the form that Prometheus reads. docs/metrics.md describes them.
import { METRICS_TEXT, route } from './route.ts';

export const metricsRoutes = {
  readMetrics: route({
    id: 'readMetrics',
    method: 'get',
    path: '/metrics',
    audience: 'metrics',
    summary: 'Figures for Prometheus',
    description:
      'From a cache that is read anew every minute: a scrape asks the database for nothing.',
    answers: { 200: METRICS_TEXT },
    errors: ['FORBIDDEN'],
  }),
} as const;
