// `standby job cancel`
import { jobRoutes } from '../../../contract/job/route.ts';
import type { JobView } from '../../../contract/job/schema.ts';
import { defineCommand } from '../../command.ts';
import { DRY_RUN_OPTION, dryRunQuery } from '../../session/dry-run.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'job cancel',
  summary: 'ask for the end of a provisioner job (who initiated it, and administrators)',
  description:
    'A job that nobody works on yet ends at once. The daemon of a running one stops its work within ' +
    'seconds, and takes away what a canceled start had made.',
  arguments: { id: { summary: 'the id of the job' } },
  options: { dryRun: DRY_RUN_OPTION },
  examples: ['standby job cancel 019a3f6e-0000-7000-8000-000000000000'],
  run: async (context, { id, dryRun }) => {
    const client = await connect(context);
    const { body } = await client.call(jobRoutes.cancelJob, {
      params: { job: id },
      query: dryRunQuery(dryRun),
    });
    answer(context, body, (job) => (dryRun ? describePlan(job) : describeDone(job)));
    return 0;
  },
});

function describePlan({ status, subject }: JobView): string {
  switch (status) {
    case 'pending':
      return sentence`It would be canceled at once: ${subject}\n`;
    case 'running':
      return sentence`Its daemon would be asked to stop: ${subject}\n`;
    default:
      return sentence`Its daemon has been asked to stop already: ${subject}\n`;
  }
}

function describeDone({ status, subject }: JobView): string {
  return status === 'canceled'
    ? sentence`Canceled: ${subject}\n`
    : sentence`Its daemon is asked to stop: ${subject}\n`;
}
