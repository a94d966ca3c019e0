// Health: open to anybody, and all that is.
import { z } from 'zod';
import { route } from './route.ts';

const healthView = z.object({ status: z.literal('ok'), version: z.string() });

export const healthRoutes = {
  healthz: route({
    id: 'healthz',
    method: 'get',
    path: '/healthz',
    audience: 'anyone',
    summary: 'The process lives',
    answers: { 200: healthView },
    errors: [],
  }),
  readyz: route({
    id: 'readyz',
    method: 'get',
    path: '/readyz',
    audience: 'anyone',
    summary: 'The process can serve: its database answers',
    answers: { 200: healthView },
    errors: ['DATABASE_UNAVAILABLE'],
  }),
} as const;
