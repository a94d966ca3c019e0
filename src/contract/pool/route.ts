// Routes about pools.
import { z } from 'zod';
import { dryRunQuery, nameField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import { changePoolBody, plannedPoolView, poolDetailView, poolView } from './schema.ts';

const organizationParams = z.object({ organization: nameField });
const poolParams = organizationParams.extend({
  template: nameField,
  preset: z.string().min(1).max(128),
});
const CHANGE = {
  answers: { 200: plannedPoolView },
  errors: ['FORBIDDEN', 'NOT_FOUND', 'SETTINGS_UNREADABLE'],
} as const;

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
    errors: ['NOT_FOUND', 'SETTINGS_UNREADABLE'],
  }),
  getPool: route({
    id: 'getPool',
    method: 'get',
    path: '/api/v1/organizations/{organization}/pools/{template}/{preset}',
    audience: 'person',
    summary: 'One pool with its workspaces and its newest events',
    params: poolParams,
    answers: { 200: poolDetailView },
    errors: ['NOT_FOUND', 'SETTINGS_UNREADABLE'],
  }),
  listPlans: route({
    id: 'listPlans',
    method: 'get',
    path: '/api/v1/organizations/{organization}/plans',
    audience: 'person',
    summary: 'What the next turn of each pool would do, and why; nothing is changed',
    params: organizationParams,
    query: z.object({ ...pageQuery, template: nameField.optional() }),
    answers: { 200: pageOf(plannedPoolView) },
    errors: ['NOT_FOUND', 'SETTINGS_UNREADABLE'],
  }),
  getPlan: route({
    id: 'getPlan',
    method: 'get',
    path: '/api/v1/organizations/{organization}/plans/{template}/{preset}',
    audience: 'person',
    summary: 'What the next turn of a pool would do, and why; nothing is changed',
    params: poolParams,
    answers: { 200: plannedPoolView },
    errors: ['NOT_FOUND', 'SETTINGS_UNREADABLE'],
  }),
  changePool: route({
    id: 'changePool',
    method: 'patch',
    path: '/api/v1/organizations/{organization}/pools/{template}/{preset}',
    audience: 'person',
    summary: 'Pause or resume a pool, or set its size (administrators)',
    description:
      'Once a pause was answered, nothing is built or deleted for the pool until it is resumed; its ' +
      "ready prebuilds can still be claimed. A size stands in place of the template's count, whichever " +
      'version is active, until it is set to null.',
    params: poolParams,
    query: dryRunQuery,
    body: changePoolBody,
    ...CHANGE,
  }),
  invalidatePool: route({
    id: 'invalidatePool',
    method: 'post',
    path: '/api/v1/organizations/{organization}/pools/{template}/{preset}/invalidate',
    audience: 'person',
    summary: 'Replace every prebuild that there is by now (administrators)',
    params: poolParams,
    query: dryRunQuery,
    ...CHANGE,
  }),
  resetPool: route({
    id: 'resetPool',
    method: 'post',
    path: '/api/v1/organizations/{organization}/pools/{template}/{preset}/reset',
    audience: 'person',
    summary: 'Forget the failures that hold its creations back (administrators)',
    description:
      'Ends a backoff and the limit. How a build ends that is under way counts for nothing, that of a ' +
      'trial neither.',
    params: poolParams,
    query: dryRunQuery,
    ...CHANGE,
  }),
} as const;
