// Routes about the settings that govern all pools.
import { z } from 'zod';
import { route } from '../route.ts';

const settings = {
  /** While true, no pool is built or deleted for. */
  reconciliation_paused: z.boolean(),
};

const prebuildSettings = z.object(settings).meta({ id: 'PrebuildSettings' });
export type PrebuildSettingsView = z.output<typeof prebuildSettings>;

export const prebuildRoutes = {
  getPrebuildSettings: route({
    id: 'getPrebuildSettings',
    method: 'get',
    path: '/api/v1/prebuilds/settings',
    audience: 'person',
    summary: 'Whether all pools are paused',
    answers: { 200: prebuildSettings },
    errors: ['SETTINGS_UNREADABLE'],
  }),
  putPrebuildSettings: route({
    id: 'putPrebuildSettings',
    method: 'put',
    path: '/api/v1/prebuilds/settings',
    audience: 'person',
    summary: 'Pause all pools, or end that (administrators)',
    description:
      'Once a pause was answered, nothing is built or deleted for any pool until it is ended. What is ' +
      'ready can still be claimed. Mends settings that cannot be read.',
    body: z.strictObject(settings),
    answers: { 200: prebuildSettings },
    errors: ['FORBIDDEN'],
  }),
} as const;
