// The rows of pool_members as the pool itself acts: new members, and members that get another build.
import type { JobId, PoolId, PresetId, VersionId, WorkspaceId } from '../../base/id.ts';
import type { Transition } from '../../domain/job/job.ts';
import { asJson, statement, takes, type Deferring, type Executor } from '../statement.ts';

export interface NewMember {
  readonly workspaceId: WorkspaceId;
  readonly poolId: PoolId;
  readonly presetId: PresetId;
  readonly versionId: VersionId;
  /** Of its first build, a start. */
  readonly jobId: JobId;
}

const insertMemberRows = statement({
  name: 'pool_member.insert',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    with given as materialized (
      select *
      from jsonb_to_recordset($rows::jsonb) as r (
        "workspaceId" uuid, "poolId" uuid, "presetId" uuid, "versionId" uuid, "jobId" uuid)
    ), counted as (
      insert into counter_steps (counter, template_id, preset, amount)
      select 'prebuilds_created', l.template_id, l.preset_name, count(*)
      from given
      join pools l on l.id = given."poolId"
      group by l.id
    )
    insert into pool_members
      (workspace_id, pool_id, preset_id, version_id, build_number, transition, job_id)
    select "workspaceId", "poolId", "presetId", "versionId", 1, 'start', "jobId"
    from given`,
});

/** Every new member is a prebuild that was created, and is counted as one. */
export function insertMembers(tx: Deferring, members: readonly NewMember[]): void {
  if (members.length > 0) insertMemberRows.later(tx, { rows: asJson(members) });
}

export interface MemberBuild {
  readonly workspaceId: WorkspaceId;
  readonly number: number;
  readonly transition: Transition;
  readonly jobId: JobId;
}

const setMemberBuildRows = statement({
  name: 'pool_member.set_build',
  takes: takes<{ readonly rows: string }>(),
  gives: {},
  sql: `
    update pool_members m
    set build_number = r.number,
      transition = r.transition,
      job_id = r."jobId",
      running_since = null,
      ready = false,
      unready_since = null,
      broken = null
    from jsonb_to_recordset($rows::jsonb) as r (
      "workspaceId" uuid, number integer, transition text, "jobId" uuid)
    where m.workspace_id = r."workspaceId"`,
});

/** Notes the new latest builds of members; from now on they do not run. Gives how many of them are members. */
export async function setMemberBuilds(
  on: Executor,
  builds: readonly MemberBuild[],
): Promise<number> {
  return builds.length > 0 ? setMemberBuildRows.run(on, { rows: asJson(builds) }) : 0;
}

export const removeMembers = statement({
  name: 'pool_member.remove_many',
  takes: takes<{ readonly workspaceIds: readonly WorkspaceId[] }>(),
  gives: {},
  sql: `
    delete from pool_members
    where workspace_id = any ($workspaceIds::uuid[])`,
});
