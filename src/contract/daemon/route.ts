// The routes by which people manage provisioner keys and see daemons.
import { z } from 'zod';
import { idField, nameField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import {
  createProvisionerKeyAnswer,
  createProvisionerKeyBody,
  daemonView,
  provisionerKeyView,
} from './schema.ts';

const organizationFilter = nameField
  .optional()
  .meta({ description: 'only those that serve this organization' });

export const daemonRoutes = {
  listDaemons: route({
    id: 'listDaemons',
    method: 'get',
    path: '/api/v1/provisioner-daemons',
    audience: 'person',
    summary: 'Daemons that serve the organizations of the caller, newest first, and what they do',
    query: z.object({ ...pageQuery, organization: organizationFilter }),
    answers: { 200: pageOf(daemonView) },
    errors: ['NOT_FOUND'],
  }),
  listProvisionerKeys: route({
    id: 'listProvisionerKeys',
    method: 'get',
    path: '/api/v1/provisioner-keys',
    audience: 'person',
    summary: 'Provisioner keys that are not revoked, newest first (administrators)',
    query: z.object({ ...pageQuery, organization: organizationFilter }),
    answers: { 200: pageOf(provisionerKeyView) },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
  createProvisionerKey: route({
    id: 'createProvisionerKey',
    method: 'post',
    path: '/api/v1/provisioner-keys',
    audience: 'person',
    summary: 'Make a provisioner key (administrators); its secret is shown once',
    body: createProvisionerKeyBody,
    answers: { 201: createProvisionerKeyAnswer },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
  revokeProvisionerKey: route({
    id: 'revokeProvisionerKey',
    method: 'delete',
    path: '/api/v1/provisioner-keys/{key}',
    audience: 'person',
    summary: 'End a provisioner key at once (administrators); what its daemons hold is lost',
    params: z.object({ key: idField }),
    answers: { 204: null },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;
