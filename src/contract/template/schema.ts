// Templates and their versions.
import { z } from 'zod';
import { idField, nameField, timeField } from '../field.ts';
import { jobView } from '../job/schema.ts';
import { manifestSchema } from '../manifest/schema.ts';
import { plannedPoolView } from '../pool/schema.ts';
import { rehearsalView } from '../rehearsal/schema.ts';

export const templateView = z
  .object({
    id: idField,
    organization: z.string(),
    name: nameField,
    driver: z.string().nullable(),
    active_version: z.string().nullable(),
    deprecated: z.string(),
    presets: z.array(z.string()),
    created_at: timeField,
    updated_at: timeField,
  })
  .meta({ id: 'Template' });

export const versionView = z
  .object({
    id: idField,
    template: z.string(),
    name: z.string(),
    number: z.int(),
    message: z.string(),
    file_hash: z.string(),
    active: z.boolean(),
    created_by: z.string(),
    created_at: timeField,
    import_job: jobView,
    manifest: manifestSchema,
    /** What claims would destroy, one for each preset with a pool. */
    rehearsals: z.array(rehearsalView),
  })
  .meta({ id: 'TemplateVersion' });

/** A template as it is after a change, and what comes of it. */
export const templateChangeView = z
  .object({
    template: templateView,
    /** The pools concerned, each with what its next turn does. */
    pools: z.array(plannedPoolView),
    /** Of people; they stay as they are. */
    workspaces: z.int(),
    /** Presets whose claims are rehearsed before anything else happens: of a promotion that is a dry run. */
    rehearsed_first: z.array(z.string()),
  })
  .meta({ id: 'TemplateChange' });

export const deprecateBody = z.strictObject({
  /** What people are told who ask for it; empty ends the deprecation. */
  message: z
    .string()
    .trim()
    .max(1_000)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be one line, without control characters'),
});

export type TemplateChangeView = z.output<typeof templateChangeView>;
export type TemplateView = z.output<typeof templateView>;
export type VersionView = z.output<typeof versionView>;
