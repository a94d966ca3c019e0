// `standby job show`
import { jobRoutes } from '../../../contract/job/route.ts';
import { defineCommand } from '../../command.ts';
import { describeJobState } from '../../job/describe.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { renderFacts } from '../../show/table.ts';

export const command = defineCommand({
  name: 'job show',
  summary: 'show a provisioner job',
  arguments: { id: { summary: 'the id of the job' } },
  options: {},
  run: async (context, { id }) => {
    const client = await connect(context);
    const { body } = await client.call(jobRoutes.getJob, { params: { job: id } });
    answer(context, body, (job, colors) =>
      renderFacts(colors, [
        ['job', job.id],
        ['what', job.subject],
        ['state', describeJobState(job)],
        ['error code', job.error_code ?? '-'],
        ['driver', job.driver],
        ['organization', job.organization],
        ['initiator', job.initiator],
        ['daemon', job.daemon ?? '-'],
        ['attempt', String(job.attempt)],
        ['created', job.created_at],
        ['acquired', job.acquired_at ?? '-'],
        ['completed', job.completed_at ?? '-'],
      ]),
    );
    return 0;
  },
});
