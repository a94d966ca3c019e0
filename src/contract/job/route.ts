// Routes about provisioner jobs.
import { z } from 'zod';
import { idField, nameField, pageOf, pageQuery } from '../field.ts';
import { route } from '../route.ts';
import { JOB_STATUSES, jobLogsAnswer, jobView } from './schema.ts';

export const jobRoutes = {
  listJobs: route({
    id: 'listJobs',
    method: 'get',
    path: '/api/v1/organizations/{organization}/jobs',
    audience: 'person',
    summary: 'Jobs of an organization, newest first',
    params: z.object({ organization: nameField }),
    query: z.object({ ...pageQuery, status: z.enum(JOB_STATUSES).optional() }),
    answers: { 200: pageOf(jobView) },
    errors: ['NOT_FOUND'],
  }),
  getJob: route({
    id: 'getJob',
    method: 'get',
    path: '/api/v1/jobs/{job}',
    audience: 'person',
    summary: 'One job',
    params: z.object({ job: idField }),
    answers: { 200: jobView },
    errors: ['NOT_FOUND'],
  }),
  getJobLogs: route({
    id: 'getJobLogs',
    method: 'get',
    path: '/api/v1/jobs/{job}/logs',
    audience: 'person',
    summary: 'Log lines of a job, in order, from a position on',
    params: z.object({ job: idField }),
    query: z.object({ after: z.string().max(64).optional() }),
    answers: { 200: jobLogsAnswer },
    errors: ['NOT_FOUND'],
  }),
} as const;
