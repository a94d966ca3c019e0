// `standby quota off`
import { defineCommand } from '../../command.ts';
import { ENFORCE_OPTIONS, enforceQuota } from '../../quota/enforce.ts';

export const command = defineCommand({
  name: 'quota off',
  summary: 'let everybody in an organization spend as much as they like (administrators)',
  description: 'Groups and what they allow stay as they are.',
  arguments: {},
  options: ENFORCE_OPTIONS,
  run: (context, { dryRun, org }) => enforceQuota(context, { enforced: false, dryRun, org }),
});
