// Routes about waiters. One is made by a request for a workspace with `on_empty: wait`.
import { z } from 'zod';
import { statesOf } from '../../domain/state.ts';
import { WAITER_STATES } from '../../domain/waiter/outcome.ts';
import { idField, nameField, pageOf, pageQuery, queryInteger } from '../field.ts';
import { route } from '../route.ts';
import { waiterView } from './schema.ts';

const waiterParams = z.object({ waiter: idField });

export const waiterRoutes = {
  listWaiters: route({
    id: 'listWaiters',
    method: 'get',
    path: '/api/v1/waiters',
    audience: 'person',
    summary: "The caller's waiters, newest first; administrators may ask for others'",
    query: z.object({
      ...pageQuery,
      /** `me` unless given; `all` for everybody's (administrators). */
      owner: nameField.optional(),
      name: nameField.optional(),
      template: nameField.optional(),
      state: z.enum(statesOf(WAITER_STATES)).optional(),
    }),
    answers: { 200: pageOf(waiterView) },
    errors: ['FORBIDDEN'],
  }),
  getWaiter: route({
    id: 'getWaiter',
    method: 'get',
    path: '/api/v1/waiters/{waiter}',
    audience: 'person',
    summary: 'One waiter; with wait_ms the answer waits until it is served or waits no more',
    params: waiterParams,
    query: z.object({ wait_ms: queryInteger(0, 60_000).optional() }),
    answers: { 200: waiterView },
    errors: ['NOT_FOUND'],
  }),
  cancelWaiter: route({
    id: 'cancelWaiter',
    method: 'delete',
    path: '/api/v1/waiters/{waiter}',
    audience: 'person',
    summary: 'Leave the line; nothing is left of the request, and its name is free',
    params: waiterParams,
    answers: { 200: waiterView },
    errors: ['NOT_FOUND', 'WAIT_OVER'],
  }),
} as const;
