// Routes about the quota of an organization.
import { z } from 'zod';
import { dryRunQuery, nameField } from '../field.ts';
import { route } from '../route.ts';
import { enforceQuotaBody, quotaView } from './schema.ts';

const organizationParams = z.object({ organization: nameField });

export const quotaRoutes = {
  getQuota: route({
    id: 'getQuota',
    method: 'get',
    path: '/api/v1/organizations/{organization}/quota',
    audience: 'person',
    summary: 'What the caller and the pools of an organization may spend, and do',
    params: organizationParams,
    answers: { 200: quotaView },
    errors: ['NOT_FOUND'],
  }),
  enforceQuota: route({
    id: 'enforceQuota',
    method: 'put',
    path: '/api/v1/organizations/{organization}/quota',
    audience: 'person',
    summary: 'Keep people and pools within their allowance, or end that (administrators)',
    description:
      'Nothing is taken away from anybody: what would cost more is refused from then on. The answer says ' +
      'what the pools would need, and who spends more than they may.',
    params: organizationParams,
    query: dryRunQuery,
    body: enforceQuotaBody,
    answers: { 200: quotaView },
    errors: ['FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;
