// The API's description of itself.
import { z } from 'zod';
import { route } from './route.ts';

export const descriptionRoutes = {
  getOpenApi: route({
    id: 'getOpenApi',
    method: 'get',
    path: '/openapi.json',
    audience: 'person',
    summary: 'This description (OpenAPI 3.1)',
    answers: { 200: z.record(z.string(), z.unknown()) },
    errors: [],
  }),
} as const;
