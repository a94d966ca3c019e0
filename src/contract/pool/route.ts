// Routes about pools.
import { z } from 'zod';
import { nameField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import { poolDetailView, poolView } from './schema.ts';

const organizationParams = z.object({ organization: nameField });

export const poolRoutes = {
  listPools: route({
    id: 'listPools',
    method: 'get',
    path: '/api/v1/organizations/{organization}/pools',
    audience: 'person',
    summary: 'Pools of an organization, by template and preset',
    params: organizationParams,
    query: z.object({ ...pageQuery, template: nameField.optional() }),
    answers: { 200: pageOf(poolView) },
    errors: ['NOT_FOUND'],
  }),
  getPool: route({
    id: 'getPool',
    method: 'get',
    path: '/api/v1/organizations/{organization}/pools/{template}/{preset}',
    audience: 'person',
    summary: 'One pool with its workspaces and its newest events',
    params: organizationParams.extend({ template: nameField, preset: z.string().min(1).max(128) }),
    answers: { 200: poolDetailView },
    errors: ['NOT_FOUND'],
  }),
} as const;
