// `standby workspace show`
import { AppError } from '../../../base/app-error.ts';
import type { Client } from '../../../client/client.ts';
import { describeState } from '../../../client/describe-state.ts';
import { templateRoutes } from '../../../contract/template/route.ts';
import { workspaceRoutes } from '../../../contract/workspace/route.ts';
import type { BuildView, WorkspaceView } from '../../../contract/workspace/schema.ts';
import type { Instant } from '../../../base/clock.ts';
import { defineCommand } from '../../command.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import type { Colors } from '../../show/colors.ts';
import { renderReplacements } from '../../show/replacement.ts';
import { renderFacts, renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';
import { describeLife } from '../../workspace/life.ts';
import { findWorkspace, WORKSPACE_ARGUMENT } from '../../workspace/find.ts';

const BUILDS_SHOWN = 10;

export const command = defineCommand({
  name: 'workspace show',
  summary: 'show a workspace and its newest builds',
  arguments: { workspace: WORKSPACE_ARGUMENT },
  options: {},
  run: async (context, values) => {
    const client = await connect(context);
    const workspace = await findWorkspace(client, values.workspace);
    const { body } = await client.call(workspaceRoutes.listBuilds, {
      params: { workspace: workspace.id },
      query: { limit: BUILDS_SHOWN },
    });
    const activeVersion = await findActiveVersion(client, workspace);
    const now = context.kit.clock.now();
    answer(context, { ...workspace, builds: body.items }, ({ builds }, colors) =>
      render(colors, { workspace, builds, activeVersion, now }),
    );
    return 0;
  },
});

/** Null where the template is gone, or has none. */
async function findActiveVersion(
  client: Client,
  { organization, template }: WorkspaceView,
): Promise<string | null> {
  try {
    const params = { organization, template };
    return (await client.call(templateRoutes.getTemplate, { params })).body.active_version;
  } catch (error) {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

interface Shown {
  readonly workspace: WorkspaceView;
  readonly builds: readonly BuildView[];
  readonly activeVersion: string | null;
  readonly now: Instant;
}

function render(colors: Colors, { workspace, builds, activeVersion, now }: Shown): string {
  const { version } = workspace.latest_build;
  const facts = renderFacts(colors, [
    ['workspace', workspace.name],
    ['id', workspace.id],
    ['owner', workspace.owner],
    ['template', `${workspace.organization}/${workspace.template}`],
    [
      'version',
      activeVersion === null || activeVersion === version
        ? version
        : `${version}; ${activeVersion} is active: \`standby workspace update ${workspace.name}\``,
    ],
    ['state', describeState(workspace)],
    ['origin', workspace.origin],
    ['age', formatAge(workspace.created_at, now)],
    ...describeLife(workspace, now),
    ...(workspace.strays === 0
      ? []
      : [['strays', `${workspace.strays} being destroyed: see \`standby job list\``] as const]),
    ...prefixed('output', workspace.outputs),
    ...prefixed('parameter', workspace.parameters),
    ...workspace.sensitive_parameters.map((name) => [`parameter ${name}`, '(sensitive)'] as const),
  ]);
  const agents = renderTable(colors, {
    heads: ['agent', 'kind', 'state', 'seen'],
    rows: workspace.agents.map((agent) => [
      agent.name,
      agent.kind,
      agent.lifecycle,
      agent.last_seen_at === null ? 'never' : `${formatAge(agent.last_seen_at, now)} ago`,
    ]),
    empty: 'It has no agents and no ready check.',
  });
  const table = renderTable(colors, {
    heads: ['build', 'transition', 'version', 'reason', 'by', 'status', 'age', 'job'],
    rows: builds.map((build) => [
      String(build.number),
      build.transition,
      build.version,
      build.reason,
      build.initiator,
      build.error === null ? build.status : `${build.status}: ${build.error}`,
      formatAge(build.created_at, now),
      build.job_id,
    ]),
    empty: 'It has no builds.',
  });
  const replaced = renderReplacements(colors, {
    head: 'lost at the claim',
    replaced: builds.flatMap((build) => build.replaced),
  });
  return `${facts}\n${agents}\n${table}${replaced === '' ? '' : `\n${replaced}`}`;
}

function prefixed(
  what: string,
  values: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  return Object.entries(values).map(([name, value]) => [`${what} ${name}`, value]);
}
