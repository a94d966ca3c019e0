// `standby job logs`
import { defineCommand } from '../../command.ts';
import { printJobLog } from '../../job/print-log.ts';
import { connect } from '../../session/target.ts';

export const command = defineCommand({
  name: 'job logs',
  summary: 'print the log of a provisioner job',
  arguments: { id: { summary: 'the id of the job' } },
  options: { follow: { kind: 'flag', short: 'f', summary: 'go on until the job has ended' } },
  run: async (context, { id, follow }) =>
    printJobLog(context, await connect(context), { job: id, follow }),
});
