// `standby job list`
import { readPages } from '../../../client/pages.ts';
import { jobRoutes } from '../../../contract/job/route.ts';
import { JOB_STATUSES } from '../../../contract/job/schema.ts';
import { defineCommand } from '../../command.ts';
import { describeJobState } from '../../job/describe.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'job list',
  summary: 'list the newest provisioner jobs of an organization',
  arguments: {},
  options: {
    org: ORGANIZATION_OPTION,
    status: { kind: 'text', value: 'WHAT', choices: JOB_STATUSES, summary: 'only such jobs' },
    limit: { kind: 'integer', value: 'N', min: 1, max: 10_000, default: 50, summary: 'how many' },
  },
  run: async (context, { org, status, limit }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const jobs = await collect(
      readPages((page) =>
        client.call(jobRoutes.listJobs, {
          params: { organization },
          query: { status, limit: Math.min(limit, 500), ...page },
        }),
      ),
      limit,
    );
    const now = context.kit.clock.now();
    answer(context, jobs, (rows, colors) =>
      renderTable(colors, {
        heads: ['id', 'what', 'state', 'daemon', 'attempt', 'age'],
        rows: rows.map((row) => [
          row.id,
          row.subject,
          describeJobState(row),
          row.daemon ?? '-',
          String(row.attempt),
          formatAge(row.created_at, now),
        ]),
        empty: 'There are no such jobs.',
      }),
    );
    return 0;
  },
});
