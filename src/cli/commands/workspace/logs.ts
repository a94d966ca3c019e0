// `standby workspace logs`: what the builds of a workspace said.
import { AppError } from '../../../base/app-error.ts';
import type { Client } from '../../../client/client.ts';
import { readPages } from '../../../client/pages.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import type { BuildView, WorkspaceView } from '../../../contract/workspace/schema.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { printJobLog } from '../../job/print-log.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

export const command = defineCommand({
  name: 'workspace logs',
  summary: 'print the log of a build of a workspace',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {
    build: { kind: 'integer', value: 'N', min: 1, summary: 'which build; the newest, if left out' },
    follow: { kind: 'flag', short: 'f', summary: 'go on until the build has ended' },
  },
  run: async (context, { workspace: nameOrId, build: number, follow }) => {
    const client = await connect(context);
    const workspace = await findWorkspace(client, nameOrId);
    const job =
      number === undefined
        ? workspace.latest_build.job_id
        : (await findBuild(client, workspace, number)).job_id;
    return printJobLog(context, client, { job, follow });
  },
});

async function findBuild(
  client: Client,
  workspace: WorkspaceView,
  number: number,
): Promise<BuildView> {
  const params = { workspace: workspace.id };
  const builds = readPages((query) => client.call(workspaceRoutes.listBuilds, { params, query }));
  for await (const build of builds) if (build.number === number) return build;
  throw new AppError('NOT_FOUND', `workspace ${workspace.name} has no build ${number}`);
}
