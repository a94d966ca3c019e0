// Provisioner keys and daemons as people see them.
import { z } from 'zod';
import { idField, nameField, tagsField, timeField, toolsField } from '../field.ts';
import { jobView } from '../job/schema.ts';

export const provisionerKeyView = z
  .object({
    id: idField,
    name: z.string(),
    /** The organization whose jobs its daemons do; null: those of every one. */
    organization: z.string().nullable(),
    /** What its daemons have whatever they say of themselves. */
    tags: tagsField,
    created_at: timeField,
    /** Daemons that work with it now. */
    daemons_online: z.int(),
  })
  .meta({ id: 'ProvisionerKey' });

export const createProvisionerKeyBody = z.strictObject({
  name: z.string().min(1).max(128),
  /** Null: a key for every organization. */
  organization: nameField.nullable(),
  tags: tagsField.optional(),
});

export const createProvisionerKeyAnswer = z.object({
  key: provisionerKeyView,
  /** Shown once; only its hash is kept. */
  secret: z.string(),
});

export const daemonView = z
  .object({
    id: idField,
    name: z.string(),
    /** online: it was seen within the last minute; revoked: its key opens nothing any more. */
    status: z.enum(['online', 'offline', 'revoked']),
    /** The organization whose jobs it does; null: those of every one. */
    organization: z.string().nullable(),
    key: z.object({ id: idField, name: z.string() }),
    drivers: z.array(z.string()),
    /** Which tool a driver works with, as `Terraform 1.14.0`; only of drivers that have one. */
    tools: toolsField,
    /** What it announces together with what its key brings. */
    tags: tagsField,
    version: z.string(),
    protocol_version: z.int(),
    machine_id: z.string(),
    slots: z.int(),
    /** Jobs it could take now; none unless it is online. */
    free_slots: z.int(),
    /** What it works on, as far as the caller may see it. */
    jobs: z.array(jobView),
    registered_at: timeField,
    last_seen_at: timeField,
  })
  .meta({ id: 'Daemon' });

export type ProvisionerKeyView = z.output<typeof provisionerKeyView>;
export type DaemonView = z.output<typeof daemonView>;
