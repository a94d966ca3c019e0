import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import { createTemplateHandlers } from '../../../src/api/template/handlers.ts';
import { readPages } from '../../../src/client/pages.ts';
import type { RouteAnswer, RouteInput } from '../../../src/contract/route.ts';
import { templateRoutes } from '../../../src/contract/template/route.ts';
import type { VersionView } from '../../../src/contract/template/schema.ts';
import type { Notice } from '../../../src/store/notice.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { archiveOf, manifestText } from '../../support/pushed-template.ts';

let test: TestApi;
let notices: Notice[] = [];

beforeAll(async () => {
  test = await startTestApi({
    handlers: (deps) => createTemplateHandlers(deps, RECONCILER_OPTIONS),
  });
  test.database.onNotices((announced) => void notices.push(...announced));
});
afterAll(() => test[Symbol.asyncDispose]());

type Push = RouteInput<typeof templateRoutes.pushVersion>;

async function push(
  template: string,
  archive: Uint8Array = archiveOf(manifestText(template)),
  query: Push['query'] = {},
): Promise<VersionView> {
  const params = { organization: 'default', template };
  const { body } = await test.admin.call(templateRoutes.pushVersion, {
    ...{ params, query, body: archive },
  });
  return body;
}

const refusal = async (call: Promise<unknown>): Promise<AppError> => {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof AppError) return thrown;
  throw new Error('nothing was refused', { cause: thrown });
};

/** What a daemon's report does to the job of an import. */
const endImport = (
  { import_job: job }: VersionView,
  error: string | null = null,
): Promise<unknown> =>
  test.sql(
    `update jobs
     set acquired_at = standby_now(), heartbeat_at = standby_now(), attempt = 1,
       completed_at = standby_now(), succeeded = $2::text is null, error = $2,
       error_code = case when $2::text is null then null else 'IMPORT_FAILED' end
     where id = $1`,
    [job.id, error],
  );

const promote = (
  template: string,
  version: string,
): Promise<RouteAnswer<typeof templateRoutes.promoteVersion>> =>
  test.admin.call(templateRoutes.promoteVersion, {
    params: { organization: 'default', template, version },
    query: {},
  });

const counts = (): Promise<readonly (readonly unknown[])[]> =>
  test.sql(`
    select (select count(*) from files), (select count(*) from templates),
      (select count(*) from template_versions), (select count(*) from jobs),
      (select count(*) from pools), (select count(*) from presets)`);

const pooled = (name: string, ...presets: readonly string[]): Uint8Array =>
  archiveOf(
    manifestText(
      name,
      'presets:',
      ...presets.map((preset) => `  - {name: ${preset}, prebuilds: {instances: 2}}`),
    ),
  );

describe('a push', () => {
  it('makes the template with its first version, its presets, pools and import', async () => {
    notices = [];
    const archive = archiveOf(
      manifestText(
        'full',
        'parameters: [{name: size, type: string, default: s, options: [s, l]}]',
        'presets:',
        '  - name: warm',
        '    default: true',
        '    description: Two of them',
        '    parameters: {size: l}',
        '    prebuilds: {instances: 2, max_instances: 5, ttl: 8h, claim_order: newest,',
        '      scheduling: {timezone: Europe/Berlin, schedules: [{cron: "* 8-18 * * 1-5", instances: 4}]}}',
        '  - {name: cold}',
        'tags: {zone: eu}',
      ),
    );
    const version = await push('full', archive, { message: 'the first' });
    expect(version).toMatchObject({
      template: 'full',
      name: 'v1',
      number: 1,
      message: 'the first',
      active: false,
      created_by: 'admin',
      file_hash: createHash('sha256').update(archive).digest('hex'),
      import_job: {
        type: 'template_version_import',
        status: 'pending',
        driver: 'null',
        subject: 'import full v1',
      },
      manifest: { name: 'full', presets: [{ name: 'warm' }, { name: 'cold' }] },
    });
    expect(
      await test.sql(
        `select p.name, p.description, p.is_default, p.desired_instances, p.max_instances,
           p.ttl_seconds, p.timezone, p.schedules, p.claim_order, p.parameters, l.preset_name
         from presets p left join pools l on l.id = p.pool_id where p.version_id = $1
         order by p.name desc`,
        [version.id],
      ),
    ).toEqual([
      [
        ...['warm', 'Two of them', true, 2, 5, 28_800, 'Europe/Berlin'],
        ...[[{ cron: '* 8-18 * * 1-5', instances: 4 }], 'newest', { size: 'l' }, 'warm'],
      ],
      ['cold', '', false, null, null, null, '', [], 'oldest', {}, null],
    ]);
    expect(
      await test.sql('select class, tags from jobs where id = $1', [version.import_job.id]),
    ).toEqual([[2, { zone: 'eu' }]]);
    expect(notices).toContainEqual(expect.objectContaining({ kind: 'queue', driver: 'null' }));
  });

  it('of the same bytes stores them once', async () => {
    const archive = archiveOf(manifestText('same'));
    const [first, second] = [await push('same', archive), await push('same', archive)];
    expect([first.name, second.name]).toEqual(['v1', 'v2']);
    expect(second.file_hash).toBe(first.file_hash);
    const hash = Buffer.from(first.file_hash, 'hex');
    expect(await test.sql('select bytes from files where hash = $1', [hash])).toEqual([
      [Buffer.from(archive)],
    ]);
  });

  it('keeps the pools of earlier versions', async () => {
    await push('keeps', pooled('keeps', 'a', 'b'));
    await push('keeps', pooled('keeps', 'b', 'c'));
    expect(
      await test.sql(`
        select l.preset_name, count(p.id) from pools l join presets p on p.pool_id = l.id
        join templates t on t.id = l.template_id where t.name = 'keeps'
        group by l.preset_name order by 1`),
    ).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 1],
    ]);
  });

  it('names versions itself, past names that were given', async () => {
    expect((await push('named', undefined, { name: 'v3' })).name).toBe('v3');
    expect((await push('named')).name).toBe('v4');
    expect((await push('named', undefined, { name: '2026.11-rc_1+b' })).number).toBe(5);
    expect((await push('named')).name).toBe('v6');
    const taken = await refusal(push('named', undefined, { name: 'v4' }));
    expect(taken).toMatchObject({
      code: 'NAME_TAKEN',
      detail: 'template "named" has a version "v4" already',
    });
  });

  it('beside others gives each version a number of its own', async () => {
    const pushed = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        push('many', archiveOf(manifestText('many', `description: n${index}`))),
      ),
    );
    const numbers = pushed.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['no archive', Buffer.from('hello'), 'ARCHIVE_INVALID', /./],
    ['nothing', new Uint8Array(), 'ARCHIVE_INVALID', /./],
    [
      'an unknown key',
      archiveOf(manifestText('bad', 'instances: 3')),
      'MANIFEST_INVALID',
      /4:1: .*instances/,
    ],
    [
      'the name of another template',
      archiveOf(manifestText('other')),
      'MANIFEST_INVALID',
      /names the template "other", but it was pushed as "bad"/,
    ],
    [
      'a null character',
      archiveOf(manifestText('bad', String.raw`description: "a\0b"`)),
      'MANIFEST_INVALID',
      /cannot be stored/,
    ],
    [
      'overlapping schedules',
      archiveOf(
        manifestText(
          'bad',
          'presets:',
          '  - name: a',
          '    prebuilds: {instances: 1, scheduling: {timezone: UTC, schedules: [',
          '      {cron: "* 9-18 1 * 1-3", instances: 2}, {cron: "* 9-18 2 * 4-5", instances: 3}]}}',
        ),
      ),
      'MANIFEST_INVALID',
      /cover a common minute/,
    ],
  ])('of %s is refused, and changes nothing', async (_what, archive, code, detail) => {
    const before = await counts();
    const error = await refusal(push('bad', archive));
    expect(error.code).toBe(code);
    expect(error.detail).toMatch(detail);
    expect(await counts()).toEqual(before);
  });

  it('tells every mistake of a manifest with its place', async () => {
    const error = await refusal(
      push(
        'bad',
        archiveOf(manifestText('bad', 'colour: red', 'presets: [{name: a, prebuild: 1}]')),
      ),
    );
    expect(error.fields['issues']).toMatchObject([
      { code: 'UNKNOWN_KEY', path: 'colour', line: 4, column: 1 },
      { code: 'UNKNOWN_KEY', path: 'presets[0].prebuild', line: 5, column: 21 },
    ]);
  });

  it('of more than 10 MiB, and of more than 11, is refused', async () => {
    const noise = (bytes: number): Uint8Array => test.kit.rng.bytes(bytes);
    expect((await refusal(push('large', noise(10 * 1024 * 1024 + 1)))).code).toBe(
      'ARCHIVE_TOO_LARGE',
    );
    expect((await refusal(push('large', noise(11 * 1024 * 1024 + 1)))).code).toBe(
      'ARCHIVE_TOO_LARGE',
    );
  });

  it.each(['..', '.', 'a/b', 'a b', '', '-x', 'x'.repeat(65)])(
    'under the version name %j is refused',
    async (name) => {
      expect((await refusal(push('named', undefined, { name }))).code).toBe('BAD_REQUEST');
    },
  );

  it('is for administrators, of organizations that are there', async () => {
    const { client } = await test.person('pat', ['default']);
    const body = archiveOf(manifestText('evil'));
    const params = { organization: 'default', template: 'evil' };
    await expect(
      client.call(templateRoutes.pushVersion, { params, query: {}, body }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(
      test.admin.call(templateRoutes.pushVersion, {
        ...{ params: { ...params, organization: 'nowhere' }, query: {}, body },
      }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a promotion', () => {
  it('waits for the import, and tells the notices of all pools concerned', async () => {
    const first = await push('app', pooled('app', 'a', 'b'));
    expect(await refusal(promote('app', 'v1'))).toMatchObject({
      code: 'VERSION_NOT_IMPORTED',
      detail: 'version "v1" of template "app" has no successful import: it is pending',
    });
    await endImport(first);
    const { body } = await promote('app', 'v1');
    expect(body).toMatchObject({
      template: { active_version: 'v1', driver: 'null', presets: ['a', 'b'] },
      pools: [{ preset: 'a' }, { preset: 'b' }],
    });

    const second = await push('app', pooled('app', 'b', 'c'));
    await endImport(second);
    notices = [];
    await promote('app', 'v2');
    const poolIds = await test.sql(
      `select l.id from pools l join templates t on t.id = l.template_id where t.name = 'app'`,
    );
    expect(poolIds).toHaveLength(3);
    expect(notices).toEqual(
      expect.arrayContaining(poolIds.map(([poolId]) => ({ kind: 'pool', poolId }))),
    );
    // And back: an old version can be the active one again.
    expect((await promote('app', 'v1')).body.template.active_version).toBe('v1');
  });

  it('of a version whose import failed is refused with what its job said', async () => {
    const version = await push('broken');
    await endImport(version, 'terraform: no such module');
    expect(await refusal(promote('broken', 'v1'))).toMatchObject({
      code: 'VERSION_NOT_IMPORTED',
      detail:
        'version "v1" of template "broken" has no successful import: it failed: terraform: no such module',
    });
    const params = { organization: 'default', template: 'broken' };
    const { body: template } = await test.admin.call(templateRoutes.getTemplate, { params });
    expect(template.active_version).toBeNull();
  });

  it('tries parameters once more that did not fit', async () => {
    const version = await push('retry', pooled('retry', 'a'));
    await endImport(version);
    await test.sql(
      `update presets set status = 'validation_failed', validation_error = 'x' where version_id = $1`,
      [version.id],
    );
    await promote('retry', 'v1');
    expect(
      await test.sql('select status from presets where version_id = $1', [version.id]),
    ).toEqual([['healthy']]);
  });

  it('waits for whoever decides a pool of the template', async () => {
    const version = await push('locked', pooled('locked', 'a'));
    await endImport(version);
    const other = await test.database.connect();
    try {
      await other.query('begin');
      await other.query(`
        select 1 from pools l join templates t on t.id = l.template_id
        where t.name = 'locked' for no key update of l`);
      const promoting = promote('locked', 'v1');
      const waiting = `select count(*)::integer from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      await expect.poll(() => test.sql(waiting)).toEqual([[1]]);
      const active = `select active_version_id from templates where name = 'locked'`;
      expect(await test.sql(active)).toEqual([[null]]);
      await other.query('commit');
      expect((await promoting).body.template.active_version).toBe('v1');
    } finally {
      await other.end();
    }
  });

  it('is for administrators, of versions that are there', async () => {
    const { client } = await test.person('quinn', ['default']);
    const params = { organization: 'default', template: 'app', version: 'v1' };
    await expect(
      client.call(templateRoutes.promoteVersion, { params, query: {} }),
    ).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect((await refusal(promote('app', 'v99'))).code).toBe('NOT_FOUND');
    expect((await refusal(promote('nothing', 'v1'))).code).toBe('NOT_FOUND');
  });
});

describe('templates', () => {
  it('are listed with their versions, newest first, page by page', async () => {
    const params = { organization: 'default', template: 'many' };
    const seen: string[] = [];
    const pages = readPages((part) =>
      test.admin.call(templateRoutes.listVersions, { params, query: { limit: 4, ...part } }),
    );
    for await (const version of pages) seen.push(`${version.name} ${version.import_job.status}`);
    expect(seen).toEqual([6, 5, 4, 3, 2, 1].map((number) => `v${number} pending`));
    const { body } = await test.admin.call(templateRoutes.listTemplates, {
      ...{ params: { organization: 'default' }, query: {} },
    });
    const names = body.items.map(({ name }) => name);
    expect(names).toContain('many');
    expect(names).toEqual([...names].sort());
  });

  it('are seen by members of their organization alone', async () => {
    const { client } = await test.person('stranger');
    const params = { organization: 'default', template: 'many' };
    const calls = [
      () => client.call(templateRoutes.listTemplates, { params, query: {} }),
      () => client.call(templateRoutes.getTemplate, { params }),
      () => client.call(templateRoutes.listVersions, { params, query: {} }),
      () => client.call(templateRoutes.getVersion, { params: { ...params, version: 'v1' } }),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const member = await test.person('member', ['default']);
    const { body } = await member.client.call(templateRoutes.getVersion, {
      params: { ...params, version: 'v1' },
    });
    expect(body.name).toBe('v1');
  });
});
