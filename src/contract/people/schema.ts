// People and what they belong to.
import { z } from 'zod';
import { idField, nameField, timeField } from '../field.ts';

export const organizationView = z
  .object({ id: idField, name: nameField, display_name: z.string(), created_at: timeField })
  .meta({ id: 'Organization' });

export const userView = z
  .object({
    id: idField,
    username: nameField,
    display_name: z.string(),
    email: z.string().nullable(),
    status: z.enum(['active', 'suspended']),
    site_roles: z.array(z.enum(['admin'])),
    created_at: timeField,
  })
  .meta({ id: 'User' });

export const memberView = z
  .object({ organization: z.string(), username: z.string(), created_at: timeField })
  .meta({ id: 'Member' });

export const tokenView = z
  .object({
    id: idField,
    name: z.string(),
    username: z.string(),
    created_at: timeField,
    expires_at: timeField.nullable(),
    last_used_at: timeField.nullable(),
  })
  .meta({ id: 'Token' });

export const whoamiView = z
  .object({ user: userView, organizations: z.array(organizationView) })
  .meta({ id: 'Whoami' });

export const createOrganizationBody = z.strictObject({
  name: nameField,
  display_name: z.string().max(128).optional(),
});

export const createUserBody = z.strictObject({
  username: nameField,
  display_name: z.string().max(128).optional(),
  email: z.email().optional(),
  /** Organizations to join, by name. */
  organizations: z.array(nameField).max(100).optional(),
  admin: z.boolean().optional(),
});

export const createTokenBody = z.strictObject({
  name: z.string().min(1).max(128),
  /** For whom; only administrators may name somebody else. */
  username: nameField.optional(),
  lifetime_seconds: z.int().min(60).max(315_360_000).optional(),
});

export const createTokenAnswer = z.object({
  token: tokenView,
  /** Shown once; only its hash is kept. */
  secret: z.string(),
});

export type OrganizationView = z.output<typeof organizationView>;
export type UserView = z.output<typeof userView>;
export type TokenView = z.output<typeof tokenView>;
