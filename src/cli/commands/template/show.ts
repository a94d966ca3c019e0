// `standby template show`
import { readPages } from '../../../client/pages.ts';
import type { Manifest } from '../../../contract/manifest/schema.ts';
import { templateRoutes } from '../../../contract/template/route.ts';
import type { TemplateView, VersionView } from '../../../contract/template/schema.ts';
import { defineCommand } from '../../command.ts';
import { describeRehearsal } from '../../rehearsal/describe.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import type { Colors } from '../../show/colors.ts';
import { renderReplacements } from '../../show/replacement.ts';
import { renderFacts, renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';
import type { Instant } from '../../../base/clock.ts';

/** The newest versions; older ones are in the API. */
const VERSIONS_SHOWN = 10;

export const command = defineCommand({
  name: 'template show',
  summary: 'show a template: its parameters, presets and newest versions',
  arguments: { name: { summary: 'the template' } },
  options: { org: ORGANIZATION_OPTION },
  run: async (context, { name, org }) => {
    const client = await connect(context);
    const params = {
      organization: await chooseOrganization(context, client, org),
      template: name,
    };
    const { body: template } = await client.call(templateRoutes.getTemplate, { params });
    const versions = await collect(
      readPages((query) =>
        client.call(templateRoutes.listVersions, {
          params,
          query: { limit: VERSIONS_SHOWN, ...query },
        }),
      ),
      VERSIONS_SHOWN,
    );
    const now = context.kit.clock.now();
    answer(context, { ...template, versions }, (_shown, colors) =>
      render(colors, { template, versions, now }),
    );
    return 0;
  },
});

function render(
  colors: Colors,
  shown: {
    readonly template: TemplateView;
    readonly versions: readonly VersionView[];
    readonly now: Instant;
  },
): string {
  const { template, versions, now } = shown;
  const active = versions.find((version) => version.active);
  const facts = renderFacts(colors, [
    ['template', `${template.organization}/${template.name}`],
    ['active', template.active_version ?? 'none yet: promote a version'],
    ['driver', template.driver ?? '-'],
    ['deprecated', template.deprecated || 'no'],
  ]);
  const table = renderTable(colors, {
    heads: ['version', 'import', 'by', 'age', 'message'],
    rows: versions.map((version) => [
      version.active ? `${version.name} (active)` : version.name,
      version.import_job.error === null
        ? version.import_job.status
        : `${version.import_job.status}: ${version.import_job.error}`,
      version.created_by,
      formatAge(version.created_at, now),
      version.message || '-',
    ]),
    empty: 'There are no versions.',
  });
  const manifest = active === undefined ? '' : renderManifest(colors, active.manifest);
  return `${facts}\n${manifest}${renderRehearsals(colors, versions)}${table}`;
}

/** What claims would destroy, by the active version and by others that were to be promoted. */
function renderRehearsals(colors: Colors, versions: readonly VersionView[]): string {
  const shown = versions.flatMap(({ name, active, rehearsals }) =>
    rehearsals.filter(({ job_id: job }) => active || job !== null).map((one) => ({ name, ...one })),
  );
  if (shown.length === 0) return '';
  const table = renderTable(colors, {
    heads: ['pool', 'version', 'rehearsal of a claim'],
    rows: shown.map(({ name, ...rehearsal }) => [
      rehearsal.preset,
      name,
      describeRehearsal(rehearsal),
    ]),
    empty: '',
  });
  const replaced = renderReplacements(colors, {
    head: 'lost by a claim',
    replaced: distinctBy(
      shown.flatMap(({ findings }) => findings),
      ({ address, paths }) => JSON.stringify([address, paths]),
    ),
  });
  return `${table}\n${replaced === '' ? '' : `${replaced}\n`}`;
}

/** Presets of one template mostly lose the same resources. */
function distinctBy<T>(items: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

function renderManifest(colors: Colors, { parameters, presets }: Manifest): string {
  const parameterTable = renderTable(colors, {
    heads: ['parameter', 'type', 'default', 'options', 'description'],
    rows: parameters.map((parameter) => [
      parameter.name,
      parameter.sensitive ? `${parameter.type}, sensitive` : parameter.type,
      parameter.default ?? '(required)',
      parameter.options.join(', ') || '-',
      parameter.description || '-',
    ]),
    empty: 'It takes no parameters.',
  });
  const presetTable = renderTable(colors, {
    heads: ['preset', 'prebuilds', 'parameters', 'description'],
    rows: presets.map((preset) => [
      preset.default ? `${preset.name} (default)` : preset.name,
      preset.prebuilds === null ? '-' : String(preset.prebuilds.instances),
      Object.entries(preset.parameters)
        .map(([name, value]) => `${name}=${value}`)
        .join(', ') || '-',
      preset.description || '-',
    ]),
    empty: 'It has no presets.',
  });
  return `${parameterTable}\n${presetTable}\n`;
}
