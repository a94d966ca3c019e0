// Routes about workspaces.
import { z } from 'zod';
import { idField, nameField, pageOf, pageQuery, queryInteger } from '../field.ts';
import { route } from '../route.ts';
import { planBuildBody, plannedBuildView } from './planned-build.ts';
import {
  buildView,
  createBuildBody,
  createWorkspaceAnswer,
  createWorkspaceBody,
  enlistedAnswer,
  orphanWorkspaceAnswer,
  updateWorkspaceBody,
  workspaceView,
} from './schema.ts';

const workspaceParams = z.object({ workspace: idField });

export const workspaceRoutes = {
  createWorkspace: route({
    id: 'createWorkspace',
    method: 'post',
    path: '/api/v1/organizations/{organization}/workspaces',
    audience: 'person',
    summary: 'Claim a prebuilt workspace, or make one when there is none',
    description:
      'With `on_empty: wait` the answer is 202 and a waiter where there is none; with `wait_seconds` it is ' +
      'held back until the waiter is served (201) or the time is over. The same `Idempotency-Key` again ' +
      'gives the same waiter and, once it is served, its workspace. `environment`, `secrets` and `files` ' +
      "are handed over by the workspace's agents, and shown to nobody.",
    params: z.object({ organization: nameField }),
    headers: z.object({ 'idempotency-key': z.string().min(1).max(255).optional() }),
    body: createWorkspaceBody,
    answers: { 201: createWorkspaceAnswer, 202: enlistedAnswer },
    errors: [
      'NOT_FOUND',
      'NAME_TAKEN',
      'NAME_INVALID',
      'POOL_EMPTY',
      'QUOTA_EXCEEDED',
      'NO_POOL',
      'PRESET_GONE',
      'TOO_MANY_WAITERS',
      'WAIT_TIMEOUT',
      'WAIT_CANCELED',
      'PRESET_UNKNOWN',
      'PARAMETERS_INVALID',
      'OWNER_VALUES_INVALID',
      'OWNER_VALUES_TOO_LARGE',
      'SCHEDULE_INVALID',
      'SCHEDULE_NEVER_MATCHES',
      'TIMEZONE_UNKNOWN',
      'NO_AGENT',
      'TEMPLATE_DEPRECATED',
      'TEMPLATE_NOT_READY',
      'IDEMPOTENCY_KEY_REUSED',
    ],
  }),
  listWorkspaces: route({
    id: 'listWorkspaces',
    method: 'get',
    path: '/api/v1/workspaces',
    audience: 'person',
    summary: "The caller's workspaces, newest first; administrators may ask for others'",
    query: z.object({
      ...pageQuery,
      /** `me` unless given; `all` for everybody's, prebuilds included (administrators). */
      owner: nameField.optional(),
      name: nameField.optional(),
      template: nameField.optional(),
    }),
    answers: { 200: pageOf(workspaceView) },
    errors: ['FORBIDDEN'],
  }),
  getWorkspace: route({
    id: 'getWorkspace',
    method: 'get',
    path: '/api/v1/workspaces/{workspace}',
    audience: 'person',
    summary: 'One workspace; with wait_ms the answer waits until it is usable or its build failed',
    params: workspaceParams,
    query: z.object({ wait_ms: queryInteger(0, 60_000).optional() }),
    answers: { 200: workspaceView },
    errors: ['NOT_FOUND'],
  }),
  updateWorkspace: route({
    id: 'updateWorkspace',
    method: 'patch',
    path: '/api/v1/workspaces/{workspace}',
    audience: 'person',
    summary:
      'Change how long the workspace runs, when it starts by itself and with which version, wake it, or rename it',
    params: workspaceParams,
    body: updateWorkspaceBody,
    answers: { 200: workspaceView },
    errors: [
      'NOT_FOUND',
      'NAME_INVALID',
      'NAME_TAKEN',
      'WORKSPACE_UNCLAIMED',
      'NO_DEADLINE',
      'LIFETIME_EXCEEDED',
      'SCHEDULE_INVALID',
      'SCHEDULE_NEVER_MATCHES',
      'TIMEZONE_UNKNOWN',
    ],
  }),
  recordActivity: route({
    id: 'recordActivity',
    method: 'post',
    path: '/api/v1/workspaces/{workspace}/activity',
    audience: 'person',
    summary: 'Say that somebody uses the workspace; reckoned to the minute',
    params: workspaceParams,
    answers: { 200: workspaceView },
    errors: ['NOT_FOUND'],
  }),
  listBuilds: route({
    id: 'listBuilds',
    method: 'get',
    path: '/api/v1/workspaces/{workspace}/builds',
    audience: 'person',
    summary: 'Builds of a workspace, newest first',
    params: workspaceParams,
    query: z.object(pageQuery),
    answers: { 200: pageOf(buildView) },
    errors: ['NOT_FOUND'],
  }),
  createBuild: route({
    id: 'createBuild',
    method: 'post',
    path: '/api/v1/workspaces/{workspace}/builds',
    audience: 'person',
    summary: 'Start or stop the workspace; does nothing when it is so already, or about to be',
    description:
      'With `update` or `parameters` it is a start of a workspace that does not run: with the newest version of its ' +
      'template, or with other values. 200 is the answer for one that runs with that version and these values: ' +
      'nothing is begun. WORKSPACE_RUNNING is the last thing that is looked for. A start of a workspace with ' +
      '`automatic_updates` is with the active version, too.',
    params: workspaceParams,
    body: createBuildBody,
    answers: { 200: workspaceView, 202: workspaceView },
    errors: [
      'NOT_FOUND',
      'FORBIDDEN',
      'BUILD_IN_PROGRESS',
      'TEMPLATE_DELETED',
      'TEMPLATE_NOT_READY',
      'PARAMETERS_INVALID',
      'DRIVER_CHANGED',
      'MACHINE_UNFIT',
      'WORKSPACE_RUNNING',
      'WORKSPACE_DORMANT',
      'QUOTA_EXCEEDED',
    ],
  }),
  planBuild: route({
    id: 'planBuild',
    method: 'post',
    path: '/api/v1/workspaces/{workspace}/builds/plan',
    audience: 'person',
    summary:
      'What a build with `update` or `parameters`, or a restart, would do, and why it would be refused',
    description:
      'Nothing is changed. What `createBuild` would be refused for stands in the answer, all of it: a workspace ' +
      'that runs is no such thing here, as it can be stopped.',
    params: workspaceParams,
    body: planBuildBody,
    answers: { 200: plannedBuildView },
    errors: [
      'NOT_FOUND',
      'FORBIDDEN',
      'BUILD_IN_PROGRESS',
      'TEMPLATE_DELETED',
      'TEMPLATE_NOT_READY',
      'WORKSPACE_DORMANT',
    ],
  }),
  deleteWorkspace: route({
    id: 'deleteWorkspace',
    method: 'delete',
    path: '/api/v1/workspaces/{workspace}',
    audience: 'person',
    summary: 'Start the build that takes the workspace away',
    description:
      'Administrators delete prebuilds that nobody has claimed, too; the pool makes others as it needs them.',
    params: workspaceParams,
    answers: { 202: workspaceView },
    errors: ['NOT_FOUND', 'FORBIDDEN', 'WORKSPACE_CLAIMED', 'BUILD_IN_PROGRESS'],
  }),
  deletePrebuild: route({
    id: 'deletePrebuild',
    method: 'delete',
    path: '/api/v1/prebuilds/{workspace}',
    audience: 'person',
    summary: 'Delete a prebuild, and only while nobody has claimed it (administrators)',
    description:
      'Once somebody has it, it is left alone: WORKSPACE_CLAIMED. The pool makes others as it needs them.',
    params: workspaceParams,
    answers: { 202: workspaceView },
    errors: ['NOT_FOUND', 'FORBIDDEN', 'WORKSPACE_CLAIMED', 'BUILD_IN_PROGRESS'],
  }),
  orphanWorkspace: route({
    id: 'orphanWorkspace',
    method: 'post',
    path: '/api/v1/workspaces/{workspace}/orphan',
    audience: 'person',
    summary: 'Delete a workspace whose machine is away in the database alone (administrators)',
    description: 'The answer and the log of the build name what may be left on the machine.',
    params: workspaceParams,
    answers: { 200: orphanWorkspaceAnswer },
    errors: ['NOT_FOUND', 'FORBIDDEN', 'MACHINE_PRESENT', 'BUILD_IN_PROGRESS'],
  }),
} as const;
