// Rows that must not exist are refused by the database itself, whoever writes them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFactory, type TestBuild, type TestPool } from '../support/factory.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
/** Of another organization than `theirs`, with a prebuild in it. */
let ours: TestPool;
let theirs: TestPool;
let prebuild: TestBuild;
/** What the statements below name in braces. */
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  store = await openTestStore();
  const make = createFactory(store);
  const makePool = async (): Promise<TestPool> =>
    make.pool(await make.template({ organizationId: await make.organization() }));
  [ours, theirs] = [await makePool(), await makePool()];
  prebuild = await make.prebuild(ours);
  const agent = await make.agent(prebuild.workspaceId);
  const user = await make.user({ organizationId: ours.organizationId });
  const owned = await make.workspace(ours, { ownerId: user });
  await store.sql(
    'insert into pool_brakes (pool_id, preset_id, judged_since) values ($1, $2, standby_now())',
    [ours.poolId, ours.presetId],
  );
  ids = {
    agent,
    user,
    system: '00000000-0000-7000-8000-000000000001',
    workspace: prebuild.workspaceId,
    job: prebuild.jobId,
    owned: owned.workspaceId,
    pool: ours.poolId,
    template: ours.templateId,
    organization: ours.organizationId,
    preset: ours.presetId,
    theirPool: theirs.poolId,
    theirPreset: theirs.presetId,
    theirVersion: theirs.versionId,
    theirTemplate: theirs.templateId,
    theirOrganization: theirs.organizationId,
  };
});
afterAll(() => store.close());

const refusalOf = async (sql: string): Promise<unknown> => {
  const text = sql.replaceAll(/\{(\w+)\}/g, (_, name: string) => `'${ids[name]!}'`);
  // Nothing of what is admitted by mistake is left for the next statement.
  return store.sql(`do $$ begin ${text}; raise exception 'admitted'; end $$`).then(
    () => undefined,
    (error: unknown) => (error as { readonly constraint?: string }).constraint ?? String(error),
  );
};

const JOB = 'update jobs set';
const MEMBER = 'update pool_members set';
const WORKSPACE = 'update workspaces set';
const BUILD = 'update builds set';

describe('an impossible row is refused:', () => {
  it.each<[what: string, constraint: string, sql: string]>([
    [
      'a taken job that never gave a sign',
      'jobs_heartbeat_check',
      `${JOB} attempt = 1, acquired_at = now() where id = {job}`,
    ],
    [
      'an error without a code',
      'jobs_error_code_check',
      `${JOB} error = 'e', completed_at = now() where id = {job}`,
    ],
    [
      'two builds of one number',
      'builds_workspace_id_number_key',
      `update builds set workspace_id = {workspace} where workspace_id = {owned}`,
    ],
    [
      'a creation that is not the first build',
      'builds_stage_number_check',
      `${BUILD} number = 2 where workspace_id = {workspace}`,
    ],
    [
      'a creation that deletes',
      'builds_stage_number_check',
      `${BUILD} transition = 'delete' where workspace_id = {workspace}`,
    ],
    [
      'a claim as the first build',
      'builds_stage_number_check',
      `${BUILD} stage = 'claim' where workspace_id = {workspace}`,
    ],
    [
      'a prebuild of another template’s pool',
      'workspaces_pool_fkey',
      `${WORKSPACE} pool_id = {theirPool} where id = {workspace}`,
    ],
    [
      'a workspace of another organization’s template',
      'workspaces_template_fkey',
      `${WORKSPACE} organization_id = {theirOrganization} where id = {workspace}`,
    ],
    [
      'a person’s workspace that nobody owns',
      'workspaces_unclaimed_check',
      `${WORKSPACE} owner_id = {system}, epoch = 0 where id = {owned}`,
    ],
    [
      'a deadline of an unclaimed prebuild',
      'workspaces_unclaimed_check',
      `${WORKSPACE} deadline_at = now() where id = {workspace}`,
    ],
    [
      'a pool in another organization than its template',
      'pools_template_fkey',
      `update pools set organization_id = {theirOrganization} where id = {theirPool} or id = {pool}`,
    ],
    [
      'a pool member of another pool’s preset',
      'pool_members_preset_fkey',
      `${MEMBER} preset_id = {theirPreset} where workspace_id = {workspace}`,
    ],
    [
      'a pool member of another pool than its preset',
      'pool_members_preset_fkey',
      `${MEMBER} pool_id = {theirPool} where workspace_id = {workspace}`,
    ],
    [
      'a pool member of another version than its preset',
      'pool_members_preset_fkey',
      `${MEMBER} version_id = {theirVersion} where workspace_id = {workspace}`,
    ],
    [
      'a pool member that runs and was never born',
      'pool_members_running_check',
      `${MEMBER} running_since = now() where workspace_id = {workspace}`,
    ],
    [
      'a pool member that is ready and does not run',
      'pool_members_ready_check',
      `${MEMBER} ready = true where workspace_id = {workspace}`,
    ],
    [
      'schedules that are no list',
      'presets_schedules_check',
      `update presets set schedules = 'null' where id = {preset}`,
    ],
    [
      'parameters that are no mapping',
      'presets_parameters_check',
      `update presets set parameters = '[]' where id = {preset}`,
    ],
    [
      'a preset with a pool and no count',
      'presets_pool_check',
      `update presets set desired_instances = null where id = {preset}`,
    ],
    [
      'a failed validation without its reason',
      'presets_validation_error_check',
      `update presets set status = 'validation_failed' where id = {preset}`,
    ],
    [
      'an active version of another template',
      'templates_active_version_fkey',
      `update templates set active_version_id = {theirVersion} where id = {template}`,
    ],
    [
      'a session of another workspace’s agent',
      'agent_sessions_agent_fkey',
      `insert into agent_sessions values (gen_random_uuid(), {agent}, {owned}, 0, sha256('x'), now())`,
    ],
    [
      'a limit without its trial',
      'pool_brakes_limited_check',
      `update pool_brakes set limited_at = now() where pool_id = {pool}`,
    ],
    [
      'a limit that cools down in no time',
      'pool_brakes_cooldown_ms_check',
      `update pool_brakes set limited_at = now(), trial_at = now(), cooldown_ms = 0 where pool_id = {pool}`,
    ],
    [
      'a trial of a pool that is not limited',
      'pool_brakes_trial_check',
      `update pool_brakes set trial_workspace_id = {workspace} where pool_id = {pool}`,
    ],
    [
      'a claim that handed over nothing',
      'claims_workspace_check',
      `insert into claims values (gen_random_uuid(), {organization}, {template}, {user}, {pool}, null, null, 'hit', null, '{}', now())`,
    ],
    [
      'a claim of the pool’s own epoch',
      'claims_epoch_check',
      `insert into claims values (gen_random_uuid(), {organization}, {template}, {user}, {pool}, {workspace}, 0, 'hit', null, '{}', now())`,
    ],
    [
      'a miss without a reason',
      'claims_reason_check',
      `insert into claims values (gen_random_uuid(), {organization}, {template}, {user}, {pool}, null, null, 'miss', null, '{}', now())`,
    ],
    [
      'a token of the system user',
      'tokens_user_fkey',
      `insert into tokens values (gen_random_uuid(), {system}, false, 'x', sha256('x'), now())`,
    ],
    [
      'a file under another hash',
      'files_hash_check',
      `insert into files values (sha256('y'), 'x', {user}, now())`,
    ],
  ])('%s (%s)', async (_what, constraint, sql) => {
    expect(await refusalOf(sql)).toBe(constraint);
  });
});
