// Routes about provisioner jobs.
import { z } from 'zod';
import { dryRunQuery, idField, nameField, pageOf, pageQuery } from '../field.ts';
import { eventStream, route } from '../route.ts';
import { JOB_STATUSES, jobLogEvents, jobLogsAnswer, jobView } from './schema.ts';

/** A place in a log: `next` of an answer, or the id of an event. */
const positionField = z.string().max(64);

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
  cancelJob: route({
    id: 'cancelJob',
    method: 'post',
    path: '/api/v1/jobs/{job}/cancel',
    audience: 'person',
    summary: 'Ask for the end of a job (its initiator, or an administrator)',
    description:
      'A pending job is canceled at once. The daemon of a running one is told with its next sign of ' +
      'life; until it has stopped the work, the job is canceling. Asked twice, it stays so. The delete of a ' +
      'workspace whose template ends its life is for administrators alone.',
    params: z.object({ job: idField }),
    query: dryRunQuery,
    answers: { 200: jobView },
    errors: ['NOT_FOUND', 'FORBIDDEN', 'JOB_ENDED'],
  }),
  getJobLogs: route({
    id: 'getJobLogs',
    method: 'get',
    path: '/api/v1/jobs/{job}/logs',
    audience: 'person',
    summary: 'Log lines of a job, in order, from a position on',
    params: z.object({ job: idField }),
    query: z.object({ after: positionField.optional() }),
    answers: { 200: jobLogsAnswer },
    errors: ['NOT_FOUND'],
  }),
  followJobLog: route({
    id: 'followJobLog',
    method: 'get',
    path: '/api/v1/jobs/{job}/logs/stream',
    audience: 'person',
    summary: 'Log lines of a job as they come, until it has ended',
    description:
      'Begins with what is there. An event `line` carries one line and its position as the id; an ' +
      'event `end` is the last one. A stream that ends without it can be resumed after the last id.',
    params: z.object({ job: idField }),
    query: z.object({ after: positionField.optional() }),
    headers: z.object({
      'last-event-id': positionField
        .optional()
        .meta({ description: 'As `after`, and stronger: browsers send it when they come back' }),
    }),
    answers: { 200: eventStream(jobLogEvents) },
    errors: ['NOT_FOUND', 'TOO_MANY_STREAMS'],
  }),
} as const;
