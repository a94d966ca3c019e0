// `standby quota on`
import { defineCommand } from '../../command.ts';
import { ENFORCE_OPTIONS, enforceQuota } from '../../quota/enforce.ts';

export const command = defineCommand({
  name: 'quota on',
  summary: 'keep people and pools of an organization within their allowance (administrators)',
  description:
    'Each may spend what their groups allow together, and pools what the group prebuilt-workspaces does. ' +
    'Nothing is taken away from anybody; what would cost more is refused from then on. --dry-run says ' +
    'first what the pools would need, and who would be over.',
  arguments: {},
  options: ENFORCE_OPTIONS,
  examples: ['standby quota on --dry-run'],
  run: (context, { dryRun, org }) => enforceQuota(context, { enforced: true, dryRun, org }),
});
