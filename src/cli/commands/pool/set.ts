// `standby pool set`
import { AppError } from '../../../base/app-error.ts';
import { poolRoutes } from '../../../contract/pool/route.ts';
import { defineCommand } from '../../command.ts';
import { CHANGE_OPTIONS, runChange } from '../../pool/change.ts';
import { POOL_ARGUMENT } from '../../pool/read.ts';

export const command = defineCommand({
  name: 'pool set',
  summary: 'set the size of a pool, whatever its template says (administrators)',
  description:
    'The size belongs to the pool: it outlives versions, until --from-template. Schedules of the ' +
    'template still apply in their hours, unless --override-schedules is given.',
  arguments: { pool: POOL_ARGUMENT },
  options: {
    ...CHANGE_OPTIONS,
    instances: {
      kind: 'integer',
      value: 'N',
      min: 0,
      max: 1_000,
      summary: 'how many prebuilds to keep',
    },
    overrideSchedules: { kind: 'flag', summary: 'at every hour, against the schedules too' },
    fromTemplate: { kind: 'flag', summary: 'as the template says again' },
  },
  examples: [
    'standby pool set hello/small --instances 5',
    'standby pool set default/hello/small --from-template',
  ],
  run: (context, { instances, overrideSchedules, fromTemplate, ...values }) => {
    const size = chooseSize({ instances, overrideSchedules, fromTemplate });
    return runChange(context, values, {
      becomes: describeSize(size),
      ask: (client, asked) => client.call(poolRoutes.changePool, { ...asked, body: { size } }),
    });
  },
});

interface Size {
  readonly instances: number;
  readonly overrides_schedules: boolean;
}

/** Null: as the template says. Throws USAGE. */
function chooseSize(given: {
  readonly instances: number | undefined;
  readonly overrideSchedules: boolean;
  readonly fromTemplate: boolean;
}): Size | null {
  const { instances, overrideSchedules, fromTemplate } = given;
  if (fromTemplate && instances === undefined && !overrideSchedules) return null;
  if (!fromTemplate && instances !== undefined) {
    return { instances, overrides_schedules: overrideSchedules };
  }
  throw new AppError('USAGE', {
    detail: fromTemplate
      ? '--from-template stands alone: the template has the size and the schedules'
      : 'no size is given',
    hint: 'Give --instances N, or --from-template.',
  });
}

function describeSize(size: Size | null): string {
  if (size === null) return 'as large as its template says';
  const schedules = size.overrides_schedules
    ? 'at every hour'
    : 'where no schedule of its template says otherwise';
  return `set to ${size.instances} ${schedules}`;
}
