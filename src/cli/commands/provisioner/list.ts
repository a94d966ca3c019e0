// `standby provisioner list`
import { readPages } from '../../../client/pages.ts';
import { daemonRoutes } from '../../../contract/daemon/route.ts';
import type { DaemonView } from '../../../contract/daemon/schema.ts';
import { defineCommand } from '../../command.ts';
import { formatTags } from '../../provisioner/format-tags.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { collect } from '../../show/collect.ts';
import { renderTable } from '../../show/table.ts';
import { formatAge } from '../../show/time.ts';

export const command = defineCommand({
  name: 'provisioner list',
  summary: 'list daemons: what they offer, what they work on, when they were seen',
  description:
    'A daemon is online while it was seen within the last minute, and revoked when its key was. Its ' +
    'free slots are the jobs it could take now.',
  arguments: {},
  options: {
    org: { kind: 'text', value: 'NAME', summary: 'only those that serve this organization' },
  },
  run: async (context, { org }) => {
    const client = await connect(context);
    const daemons = await collect(
      readPages((page) =>
        client.call(daemonRoutes.listDaemons, { query: { organization: org, ...page } }),
      ),
    );
    const now = context.kit.clock.now();
    answer(context, daemons, (rows, colors) =>
      renderTable(colors, {
        heads: [
          ...['name', 'state', 'organization', 'drivers', 'tags', 'free', 'works on'],
          ...['version', 'protocol', 'machine', 'seen'],
        ],
        rows: [...rows]
          .sort(byName)
          .map((row) => [
            row.name,
            row.status,
            row.organization ?? '(all)',
            describeDrivers(row),
            formatTags(row.tags),
            `${row.free_slots} of ${row.slots}`,
            describeWork(row),
            row.version,
            String(row.protocol_version),
            row.machine_id,
            `${formatAge(row.last_seen_at, now)} ago`,
          ]),
        empty: 'No daemon has registered yet.',
      }),
    );
    return 0;
  },
});

const STATES: readonly DaemonView['status'][] = ['online', 'offline', 'revoked'];

/** Those who are there first. */
function byName(a: DaemonView, b: DaemonView): number {
  const states = STATES.indexOf(a.status) - STATES.indexOf(b.status);
  return states === 0 ? a.name.localeCompare(b.name) : states;
}

/** Each with the tool that it works with. */
function describeDrivers({ drivers, tools }: DaemonView): string {
  return drivers
    .map((driver) => {
      const tool = tools[driver];
      return tool === undefined ? driver : `${driver} (${tool})`;
    })
    .join(', ');
}

/** One job a line. */
function describeWork({ jobs }: DaemonView): string {
  return jobs.length === 0 ? '-' : jobs.map(({ subject }) => subject).join('\n');
}
