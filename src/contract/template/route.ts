// Routes about templates.
import { z } from 'zod';
import { dryRunQuery, nameField, pageOf, pageQuery } from '../field.ts';
import { ARCHIVE, route } from '../route.ts';
import { deprecateBody, templateChangeView, templateView, versionView } from './schema.ts';

const organizationParams = z.object({ organization: nameField });
const templateParams = organizationParams.extend({ template: nameField });
const CHANGE = {
  answers: { 200: templateChangeView },
  errors: ['FORBIDDEN', 'NOT_FOUND', 'SETTINGS_UNREADABLE'],
} as const;
// Part of a path: nothing that a URL would resolve or a terminal obey.
const versionName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/,
    'must be 1 to 64 letters, digits, dots, hyphens, underscores and plus signs, the first a letter or digit',
  );

export const templateRoutes = {
  listTemplates: route({
    id: 'listTemplates',
    method: 'get',
    path: '/api/v1/organizations/{organization}/templates',
    audience: 'person',
    summary: 'Templates of an organization, by name',
    params: organizationParams,
    query: z.object(pageQuery),
    answers: { 200: pageOf(templateView) },
    errors: ['NOT_FOUND'],
  }),
  getTemplate: route({
    id: 'getTemplate',
    method: 'get',
    path: '/api/v1/organizations/{organization}/templates/{template}',
    audience: 'person',
    summary: 'One template',
    params: templateParams,
    answers: { 200: templateView },
    errors: ['NOT_FOUND'],
  }),
  pushVersion: route({
    id: 'pushVersion',
    method: 'post',
    path: '/api/v1/organizations/{organization}/templates/{template}/versions',
    audience: 'person',
    summary: 'Push a version: the template is made with its first one; a daemon then checks it',
    params: templateParams,
    query: z.object({
      /** Given by the server (v1, v2, …) when left out. */
      name: versionName.optional(),
      message: z.string().max(1_000).optional(),
    }),
    body: ARCHIVE,
    answers: { 201: versionView },
    errors: [
      'FORBIDDEN',
      'NOT_FOUND',
      'NAME_TAKEN',
      'ARCHIVE_INVALID',
      'ARCHIVE_TOO_LARGE',
      'MANIFEST_INVALID',
    ],
  }),
  listVersions: route({
    id: 'listVersions',
    method: 'get',
    path: '/api/v1/organizations/{organization}/templates/{template}/versions',
    audience: 'person',
    summary: 'Versions of a template, newest first',
    params: templateParams,
    query: z.object(pageQuery),
    answers: { 200: pageOf(versionView) },
    errors: ['NOT_FOUND'],
  }),
  getVersion: route({
    id: 'getVersion',
    method: 'get',
    path: '/api/v1/organizations/{organization}/templates/{template}/versions/{version}',
    audience: 'person',
    summary: 'One version of a template, by its name',
    params: templateParams.extend({ version: versionName }),
    answers: { 200: versionView },
    errors: ['NOT_FOUND'],
  }),
  promoteVersion: route({
    id: 'promoteVersion',
    method: 'post',
    path: '/api/v1/organizations/{organization}/templates/{template}/versions/{version}/promote',
    audience: 'person',
    summary: 'Make an imported version the active one; its pools fill, the former ones drain',
    description:
      'Of the active version: parameters of presets that did not fit are tried once more. A version with ' +
      '`rehearsal: refuse` is answered REHEARSAL_PENDING until claims of all its pools were rehearsed with ' +
      'canaries, and REHEARSAL_REFUSED where one would replace something.',
    params: templateParams.extend({ version: versionName }),
    query: dryRunQuery,
    answers: { 200: templateChangeView },
    errors: [
      ...(['FORBIDDEN', 'NOT_FOUND', 'VERSION_NOT_IMPORTED', 'SETTINGS_UNREADABLE'] as const),
      ...([
        'REHEARSAL_PENDING',
        'REHEARSAL_REFUSED',
        'PARAMETERS_INVALID',
        'QUOTA_EXCEEDED',
        'NO_DAEMON',
      ] as const),
    ],
  }),
  deprecateTemplate: route({
    id: 'deprecateTemplate',
    method: 'post',
    path: '/api/v1/organizations/{organization}/templates/{template}/deprecate',
    audience: 'person',
    summary: 'Drain the pools of a template and let nobody create, or end that (administrators)',
    params: templateParams,
    query: dryRunQuery,
    body: deprecateBody,
    ...CHANGE,
  }),
  deleteTemplate: route({
    id: 'deleteTemplate',
    method: 'delete',
    path: '/api/v1/organizations/{organization}/templates/{template}',
    audience: 'person',
    summary: 'Delete a template: its pools drain, workspaces of people stay (administrators)',
    description:
      'Nobody can create from it any more. Its name is free for another; what was built from it can ' +
      'still be stopped and deleted.',
    params: templateParams,
    query: dryRunQuery,
    ...CHANGE,
  }),
  invalidateTemplate: route({
    id: 'invalidateTemplate',
    method: 'post',
    path: '/api/v1/organizations/{organization}/templates/{template}/invalidate',
    audience: 'person',
    summary: 'Replace every prebuild of all pools of a template (administrators)',
    params: templateParams,
    query: dryRunQuery,
    ...CHANGE,
  }),
} as const;
