// The routes a provisioner daemon calls.
import { z } from 'zod';
import { idField } from '../field.ts';
import { ARCHIVE, route } from '../route.ts';
import {
  acquireBody,
  acquiredJob,
  completeBody,
  jobHeartbeatAnswer,
  jobHeartbeatBody,
  registerAnswer,
  registerBody,
  reportAnswer,
  reportBody,
} from './protocol.ts';

const daemonParams = z.object({ daemon: idField });
const jobParams = z.object({ daemon: idField, job: idField });

export const provisionerRoutes = {
  registerDaemon: route({
    id: 'registerDaemon',
    method: 'post',
    path: '/api/v1/provisioner/register',
    audience: 'provisioner',
    summary: 'Register a daemon; ends the open attempts of its earlier life',
    body: registerBody,
    answers: { 200: registerAnswer },
    errors: ['PROTOCOL_UNSUPPORTED', 'DAEMON_ID_TAKEN'],
  }),
  acquireJob: route({
    id: 'acquireJob',
    method: 'post',
    path: '/api/v1/provisioner/daemons/{daemon}/acquire',
    audience: 'provisioner',
    summary: 'Wait for a job and take it; 204 when there was none in time',
    params: daemonParams,
    body: acquireBody,
    answers: { 200: acquiredJob, 204: null },
    errors: ['DAEMON_REPLACED'],
  }),
  heartbeatJob: route({
    id: 'heartbeatJob',
    method: 'post',
    path: '/api/v1/provisioner/daemons/{daemon}/jobs/{job}/heartbeat',
    audience: 'provisioner',
    summary: 'Show that an attempt is alive and deliver its log lines',
    params: jobParams,
    body: jobHeartbeatBody,
    answers: { 200: jobHeartbeatAnswer },
    errors: ['DAEMON_REPLACED', 'ATTEMPT_STALE'],
  }),
  completeJob: route({
    id: 'completeJob',
    method: 'post',
    path: '/api/v1/provisioner/daemons/{daemon}/jobs/{job}/complete',
    audience: 'provisioner',
    summary: 'Report the result of an attempt; the same report twice is a success',
    params: jobParams,
    body: completeBody,
    answers: { 204: null },
    errors: ['DAEMON_REPLACED', 'ATTEMPT_STALE'],
  }),
  reportWorkspaces: route({
    id: 'reportWorkspaces',
    method: 'post',
    path: '/api/v1/provisioner/daemons/{daemon}/report',
    audience: 'provisioner',
    summary: 'Tell how the workspaces on this machine are and learn what to do with them',
    params: daemonParams,
    body: reportBody,
    answers: { 200: reportAnswer },
    errors: ['DAEMON_REPLACED'],
  }),
  getFile: route({
    id: 'getFile',
    method: 'get',
    path: '/api/v1/provisioner/files/{hash}',
    audience: 'provisioner',
    summary: 'The archive of a template version',
    params: z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/) }),
    answers: { 200: ARCHIVE },
    errors: [],
  }),
} as const;
