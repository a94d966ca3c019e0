// `standby plan`: what the next pass would do and why, without doing it.
import { AppError } from '../../base/app-error.ts';
import { defineCommand } from '../command.ts';
import { printLivePlans } from '../plan/live-plan.ts';
import { printSnapshotPlans } from '../plan/snapshot-plan.ts';
import { ORGANIZATION_OPTION } from '../session/organization.ts';

export const command = defineCommand({
  name: 'plan',
  summary: 'show what the next pass would do and why, changing nothing',
  description:
    'Asks the control plane about one pool, the pools of one organization, or all that you may see. ' +
    'With --snapshot the decision is made from a file, without a server: one JSON object or JSON ' +
    'Lines of them in, one plan per line out, in order. A line that is no snapshot gives an error ' +
    'in its place and exit status 1 at the end.',
  arguments: {},
  options: {
    pool: {
      kind: 'text',
      value: 'POOL',
      summary: 'only this one: TEMPLATE/PRESET, or ORG/TEMPLATE/PRESET',
    },
    org: { ...ORGANIZATION_OPTION, summary: 'only the pools of this organization' },
    snapshot: {
      kind: 'text',
      value: 'FILE',
      summary: 'plan for the snapshots in this file; - is standard input',
    },
  },
  examples: [
    'standby plan',
    'standby plan --pool default/hello/small --json',
    'standby plan --snapshot - < pools.jsonl',
  ],
  run: (context, { pool, org, snapshot }) => {
    if (snapshot === undefined) return printLivePlans(context, { pool, org });
    if (pool === undefined && org === undefined) return printSnapshotPlans(context, snapshot);
    throw new AppError('USAGE', {
      detail: '--snapshot asks no server: it goes with neither --pool nor --org',
      hint: 'Leave one of them out.',
    });
  },
});
