// What administrators are told.
import { z } from 'zod';
import { idField, timeField } from '../field.ts';
import { replacementField } from '../provisioner/protocol.ts';

export const NOTIFICATION_KINDS = ['claim_replaced', 'rehearsal_replaces'] as const;

export const notificationView = z
  .object({
    id: idField,
    /** A claim has thrown away resources of a prebuilt workspace, or a rehearsal found that claims will. */
    kind: z.enum(NOTIFICATION_KINDS),
    organization: z.string(),
    template: z.string(),
    version: z.string(),
    preset: z.string().nullable(),
    resources: z.array(replacementField),
    /** Of a claim only: names as they were then. */
    claim: z
      .object({
        workspace: z.string(),
        workspace_id: idField,
        build: z.int(),
        claimant: z.string(),
      })
      .nullable(),
    created_at: timeField,
    read_at: timeField.nullable(),
  })
  .meta({ id: 'Notification' });

export const readAnswer = z.object({
  /** How many were unread. */
  read: z.int(),
});

export type NotificationView = z.output<typeof notificationView>;
