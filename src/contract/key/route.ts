// Routes about the keys that seal what is stored.
import { z } from 'zod';
import { idField, timeField } from '../field.ts';
import { route } from '../route.ts';

const dataKeyView = z
  .object({
    id: idField,
    created_at: timeField,
    /** When a newer key took over; null for the current one. */
    retired_at: timeField.nullable(),
    /** How many values are sealed with it: states and secret outputs. */
    sealed: z.int(),
  })
  .meta({ id: 'DataKey' });

export const keyRoutes = {
  listDataKeys: route({
    id: 'listDataKeys',
    method: 'get',
    path: '/api/v1/keys',
    audience: 'person',
    summary: 'The keys that seal what is stored, the current one first (administrators)',
    answers: { 200: z.object({ items: z.array(dataKeyView) }) },
    errors: ['FORBIDDEN'],
  }),
  rotateDataKeys: route({
    id: 'rotateDataKeys',
    method: 'post',
    path: '/api/v1/keys/rotate',
    audience: 'person',
    summary:
      'Make a new key; what older ones sealed is sealed anew in the background (administrators)',
    answers: { 200: z.object({ id: idField }) },
    errors: ['FORBIDDEN'],
  }),
} as const;
