// Rows for database tests, each valid by itself: a test names only what it is about.
import { createHash } from 'node:crypto';
import {
  createId,
  type AgentId,
  type BuildId,
  type DaemonId,
  type JobId,
  type OrganizationId,
  type PoolId,
  type PresetId,
  type ProvisionerKeyId,
  type TemplateId,
  type UserId,
  type VersionId,
  type WorkspaceId,
} from '../../src/base/id.ts';
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import {
  insertAgents,
  insertBuilds,
  insertWorkspaces,
  type NewAgent,
} from '../../src/store/build.ts';
import type { NewBuild } from '../../src/store/new-build.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import { sampleManifest } from './manifest.ts';
import type { TestStore } from './store.ts';
import { written } from './written.ts';

export interface TestTemplate {
  readonly organizationId: OrganizationId;
  readonly templateId: TemplateId;
  readonly name: string;
  readonly versionId: VersionId;
  readonly manifest: Manifest;
}

export interface TestPool extends TestTemplate {
  readonly poolId: PoolId;
  readonly presetId: PresetId;
  readonly presetName: string;
}

export interface TestBuild {
  readonly workspaceId: WorkspaceId;
  readonly buildId: BuildId;
  readonly jobId: JobId;
  readonly number: number;
}

export interface Factory {
  organization(name?: string): Promise<OrganizationId>;
  user(given?: {
    readonly organizationId?: OrganizationId;
    readonly isAdmin?: boolean;
  }): Promise<UserId>;
  /** With one version, imported and active. */
  template(given: {
    readonly organizationId: OrganizationId;
    readonly manifest?: Partial<Manifest>;
  }): Promise<TestTemplate>;
  /** Another version of a template, with its pending import job; active when asked. */
  version(
    template: TestTemplate,
    given?: { readonly active?: boolean },
  ): Promise<{ readonly versionId: VersionId; readonly jobId: JobId }>;
  /** A preset of the template's version and the pool it belongs to. */
  pool(
    template: TestTemplate,
    given?: { readonly name?: string; readonly desired?: number },
  ): Promise<TestPool>;
  /** A person's workspace with its first build, whose job is pending. */
  workspace(
    template: TestTemplate,
    given: { readonly ownerId: UserId } & Partial<NewBuild>,
  ): Promise<TestBuild>;
  /** A pool member with its first build, whose job is pending. */
  prebuild(pool: TestPool, given?: Partial<NewBuild>): Promise<TestBuild>;
  /** The workspace's next build, whose job is pending; a member's row follows it. */
  nextBuild(template: TestTemplate, former: TestBuild, given: NextBuild): Promise<TestBuild>;
  agent(workspaceId: WorkspaceId, given?: Partial<NewAgent>): Promise<AgentId>;
  key(given?: {
    readonly organizationId?: OrganizationId | null;
    readonly tags?: Readonly<Record<string, string>>;
  }): Promise<ProvisionerKeyId>;
  daemon(given: {
    readonly keyId: ProvisionerKeyId;
    readonly drivers?: readonly string[];
    readonly machineId?: string;
    readonly tags?: Readonly<Record<string, string>>;
  }): Promise<DaemonId>;
}

export type NextBuild = { readonly initiatorId: UserId } & Pick<NewBuild, 'transition'> &
  Partial<NewBuild>;

export function createFactory(store: TestStore): Factory {
  const { kit, database } = store;
  const sql: TestStore['sql'] = (text, values) => store.sql(text, values);
  let made = 0;
  const name = (noun: string): string => `${noun}-${++made}`;
  const id = <Id extends string>(): Id => createId<Id>(kit);
  const hash = (): Buffer => createHash('sha256').update(kit.rng.bytes(32)).digest();

  const makeVersion = async (
    { organizationId, templateId, manifest }: Omit<TestTemplate, 'versionId' | 'name'>,
    state: 'pending' | 'imported',
  ): Promise<{ readonly versionId: VersionId; readonly jobId: JobId }> => {
    const [versionId, jobId] = [id<VersionId>(), id<JobId>()];
    const bytes = Buffer.from(kit.rng.bytes(32));
    await sql(
      `with file as (
         insert into files (hash, bytes, created_by, created_at)
         values (sha256($1), $1, $2, standby_now()) returning hash
       ), job as (
         insert into jobs
           (id, type, organization_id, driver, tags, initiator_id, class, created_at, completed_at,
            succeeded)
         values ($3, 'template_version_import', $4, $5, $6, $2, 2, standby_now(),
           case when $7 then standby_now() end, $7) returning id
       )
       insert into template_versions
         (id, template_id, number, name, message, file_hash, manifest, import_job_id, created_by,
          created_at)
       select $8, $9, 1 + count(v.id), 'v' || 1 + count(v.id), '', file.hash, $10, job.id, $2,
         standby_now()
       from file cross join job left join template_versions v on v.template_id = $9
       group by file.hash, job.id`,
      [
        bytes,
        PREBUILDS_USER_ID,
        jobId,
        organizationId,
        manifest.driver,
        manifest.tags,
        state === 'imported',
        versionId,
        templateId,
        manifest,
      ],
    );
    return { versionId, jobId };
  };

  const activate = (templateId: TemplateId, versionId: VersionId): Promise<unknown> =>
    sql('update templates set active_version_id = $2 where id = $1', [templateId, versionId]);

  const buildOf = (template: TestTemplate, given: Partial<NewBuild>): NewBuild => ({
    id: id<BuildId>(),
    jobId: id<JobId>(),
    workspaceId: id<WorkspaceId>(),
    organizationId: template.organizationId,
    number: 1,
    transition: 'start',
    stage: 'none',
    reason: 'test',
    versionId: template.versionId,
    presetId: null,
    initiatorId: PREBUILDS_USER_ID,
    parameters: {},
    secretParametersId: null,
    driver: template.manifest.driver,
    tags: template.manifest.tags,
    machineId: null,
    jobClass: 2,
    ...given,
  });

  const asBuilt = ({ workspaceId, id: buildId, jobId, number }: NewBuild): TestBuild => ({
    workspaceId,
    buildId,
    jobId,
    number,
  });

  return {
    organization: async (given = name('org')) => {
      const organizationId = id<OrganizationId>();
      await sql(
        `insert into organizations (id, name, display_name, created_at)
         values ($1, $2, $2, standby_now())`,
        [organizationId, given],
      );
      return organizationId;
    },
    user: async ({ organizationId, isAdmin = false } = {}) => {
      const userId = id<UserId>();
      await sql(
        `insert into users (id, username, display_name, site_roles, created_at)
         values ($1, $2, $2, $3, standby_now())`,
        [userId, name('user'), isAdmin ? ['admin'] : []],
      );
      if (organizationId !== undefined) {
        await sql(
          `insert into memberships (organization_id, user_id, created_at)
           values ($1, $2, standby_now())`,
          [organizationId, userId],
        );
      }
      return userId;
    },
    template: async ({ organizationId, manifest: change }) => {
      const templateId = id<TemplateId>();
      const templateName = name('template');
      const manifest = sampleManifest({ name: templateName, ...change });
      await sql(
        `insert into templates (id, organization_id, name, created_at, updated_at)
         values ($1, $2, $3, standby_now(), standby_now())`,
        [templateId, organizationId, templateName],
      );
      const made = await makeVersion({ organizationId, templateId, manifest }, 'imported');
      await activate(templateId, made.versionId);
      return {
        organizationId,
        templateId,
        name: templateName,
        manifest,
        versionId: made.versionId,
      };
    },
    version: async (template, { active = false } = {}) => {
      const made = await makeVersion(template, active ? 'imported' : 'pending');
      if (active) await activate(template.templateId, made.versionId);
      return made;
    },
    pool: async (template, { name: presetName = name('preset'), desired = 1 } = {}) => {
      const [poolId, presetId] = [id<PoolId>(), id<PresetId>()];
      await sql(
        `with pool as (
           insert into pools (id, organization_id, template_id, preset_name, created_at)
           values ($1, $2, $3, $4, standby_now())
           on conflict (template_id, preset_name) do update set preset_name = excluded.preset_name
           returning id
         )
         insert into presets (id, version_id, pool_id, name, description, desired_instances)
         select $5, $6, id, $4, '', $7 from pool`,
        [
          poolId,
          template.organizationId,
          template.templateId,
          presetName,
          presetId,
          template.versionId,
          desired,
        ],
      );
      const [preset] = await sql<{ pool_id: PoolId }>('select pool_id from presets where id = $1', [
        presetId,
      ]);
      return { ...template, poolId: preset!.pool_id, presetId, presetName };
    },
    workspace: async (template, { ownerId, ...given }) => {
      const build = buildOf(template, { initiatorId: ownerId, ...given });
      await written(database, (tx) => {
        insertWorkspaces(tx, [
          {
            id: build.workspaceId,
            organizationId: template.organizationId,
            ownerId,
            templateId: template.templateId,
            name: name('workspace'),
            origin: 'user',
            poolId: null,
            epoch: 1,
          },
        ]);
        return insertBuilds(tx, [build]);
      });
      return asBuilt(build);
    },
    prebuild: async (pool, given = {}) => {
      const build = buildOf(pool, {
        presetId: pool.presetId,
        stage: 'create',
        jobClass: 4,
        ...given,
      });
      await written(database, (tx) => {
        insertWorkspaces(tx, [
          {
            id: build.workspaceId,
            organizationId: pool.organizationId,
            ownerId: PREBUILDS_USER_ID,
            templateId: pool.templateId,
            name: name('prebuild'),
            origin: 'prebuild',
            poolId: pool.poolId,
            epoch: 0,
          },
        ]);
        return insertBuilds(tx, [build]);
      });
      await sql(
        `insert into pool_members
           (workspace_id, pool_id, preset_id, version_id, build_number, transition, job_id)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [
          build.workspaceId,
          pool.poolId,
          pool.presetId,
          pool.versionId,
          build.number,
          build.transition,
          build.jobId,
        ],
      );
      return asBuilt(build);
    },
    nextBuild: async (template, former, given) => {
      const build = buildOf(template, {
        workspaceId: former.workspaceId,
        number: former.number + 1,
        ...given,
      });
      await written(database, (tx) => insertBuilds(tx, [build]));
      await sql(
        `update pool_members
         set build_number = $2, transition = $3, job_id = $4, ready = false, running_since = null
         where workspace_id = $1`,
        [build.workspaceId, build.number, build.transition, build.jobId],
      );
      return asBuilt(build);
    },
    agent: async (workspaceId, given = {}) => {
      const agent: NewAgent = {
        id: id<AgentId>(),
        workspaceId,
        name: name('agent'),
        kind: 'check',
        timeoutSeconds: 60,
        ...given,
      };
      await written(database, (tx) => insertAgents(tx, [agent]));
      return agent.id;
    },
    key: async ({ organizationId = null, tags = {} } = {}) => {
      const keyId = id<ProvisionerKeyId>();
      await sql(
        `insert into provisioner_keys (id, organization_id, name, hash, tags, created_at)
         values ($1, $2, $3, $4, $5, standby_now())`,
        [keyId, organizationId, name('key'), hash(), tags],
      );
      return keyId;
    },
    daemon: async ({ keyId, drivers = ['null'], machineId = 'machine', tags = {} }) => {
      const daemonId = id<DaemonId>();
      await sql(
        `insert into daemons
           (id, key_id, organization_id, name, machine_id, drivers, tags, slots, version,
            protocol_version, registered_at, last_seen_at)
         select $1, id, organization_id, $3, $4, $5, $6, 4, 'test', 2, standby_now(), standby_now()
         from provisioner_keys
         where id = $2`,
        [daemonId, keyId, name('daemon'), machineId, drivers, tags],
      );
      return daemonId;
    },
  };
}
