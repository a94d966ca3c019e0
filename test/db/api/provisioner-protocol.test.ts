// What daemons of supported versions send, word for word, as it was when the version was new. A
// message that stops being understood here breaks every daemon that is not upgraded yet.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProvisionerHandlers } from '../../../src/api/provisioner/handlers.ts';
import { createTemplateHandlers } from '../../../src/api/template/handlers.ts';
import { createId } from '../../../src/base/id.ts';
import { templateRoutes } from '../../../src/contract/template/route.ts';
import { nothingFirst } from '../../support/precedence.ts';
import { RECONCILER_OPTIONS } from '../../support/reconcile.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';
import { archiveOf, manifestText } from '../../support/pushed-template.ts';

let test: TestApi;

beforeAll(async () => {
  test = await startTestApi({
    handlers: (deps) => ({
      ...createTemplateHandlers(deps, RECONCILER_OPTIONS),
      ...createProvisionerHandlers(
        {
          ...deps,
          bus: { subscribe: () => () => undefined },
          precedence: nothingFirst,
          bootstrapToken: () => 'sba_x',
          accessUrl: 'http://127.0.0.1:1',
        },
        {
          heartbeatIntervalMs: 10_000,
          reportIntervalMs: 15_000,
          logLimitBytes: 1_000_000,
          dispatch: { pollMs: 50, maxCreations: null },
        },
      ),
    }),
  });
});
afterAll(() => test[Symbol.asyncDispose]());

async function say(
  path: string,
  body: object,
  method = 'POST',
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await test.send(`/api/v1/provisioner/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${test.provisionerKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

describe('a daemon that speaks the version before', () => {
  it('registers, works and reports as it always did', async () => {
    const id = createId(test.kit);
    const { body: version } = await test.admin.call(templateRoutes.pushVersion, {
      params: { organization: 'default', template: 'frozen' },
      query: {},
      body: archiveOf(manifestText('frozen')),
    });
    const registered = await say('register', {
      protocol_version: 3,
      daemon_id: id,
      name: 'old',
      machine_id: 'm',
      drivers: ['null'],
      tags: { zone: 'eu' },
      slots: 2,
      version: '0.1.0',
    });
    expect(registered).toMatchObject({
      status: 200,
      body: {
        incarnation: 1,
        heartbeat_interval_ms: expect.any(Number),
        report_interval_ms: expect.any(Number),
        ended_attempts: [],
      },
    });
    const acquired = await say(`daemons/${id}/acquire`, { incarnation: 1, wait_ms: 0 });
    expect(acquired).toMatchObject({
      status: 200,
      body: {
        id: version.import_job.id,
        attempt: 1,
        type: 'template_version_import',
        driver: 'null',
        template: {
          name: 'frozen',
          version_id: version.id,
          file_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          manifest: { name: 'frozen' },
        },
        workspace: null,
      },
    });
    const job = `daemons/${id}/jobs/${version.import_job.id}`;
    const line = { seq: 0, at: '2026-01-01T00:00:00.000Z', level: 'info', line: 'checked' };
    expect(
      await say(`${job}/heartbeat`, { incarnation: 1, attempt: 1, logs: [line] }),
    ).toMatchObject({ status: 200, body: { cancel: false } });
    expect(await say(`daemons/${id}/report`, { incarnation: 1, workspaces: [] })).toMatchObject({
      status: 200,
      body: { workspaces: [] },
    });
    const result = { outcome: 'succeeded', outputs: {} };
    expect(await say(`${job}/complete`, { incarnation: 1, attempt: 1, result })).toEqual({
      status: 204,
      body: null,
    });
    expect(await say(`daemons/${id}/acquire`, { incarnation: 1, wait_ms: 0 })).toEqual({
      status: 204,
      body: null,
    });
  });

  it('checks no version that asks for a sandbox or limits, of which it knows nothing', async () => {
    const push = async (name: string, settings: string) =>
      (
        await test.admin.call(templateRoutes.pushVersion, {
          params: { organization: 'default', template: name },
          query: {},
          body: archiveOf(
            `name: ${name}\ndriver: process\nprocess: {command: [serve]${settings}}\n`,
          ),
        })
      ).body.import_job.id;
    await push('sandboxed', ', sandbox: bubblewrap');
    await push('limited', ', limits: {memory: 1GiB}');
    const plain = await push('plain', '');
    const id = createId(test.kit);
    await say('register', {
      ...{ protocol_version: 3, daemon_id: id, name: 'old', machine_id: 'm', drivers: ['process'] },
      ...{ tags: {}, slots: 2, version: '0.1.0' },
    });
    const acquire = () => say(`daemons/${id}/acquire`, { incarnation: 1, wait_ms: 0 });
    expect(await acquire()).toMatchObject({ status: 200, body: { id: plain } });
    expect(await acquire()).toEqual({ status: 204, body: null });
  });
});

describe('a number that the database cannot hold', () => {
  const job = 'jobs/01890000-0000-7000-8000-000000000001';
  const numbers = { incarnation: 1, attempt: 1 };
  const line = { seq: 0, at: '2026-01-01T00:00:00.000Z', level: 'info', line: 'checked' };
  const result = { outcome: 'succeeded', outputs: {} };
  const state = { ...numbers, lock: 1, sequence: 1, state: '{}' };
  const TOO_LARGE = 2 ** 40;

  it.each([
    ['POST', 'acquire', { incarnation: TOO_LARGE, wait_ms: 0 }, 'incarnation'],
    ['POST', 'report', { incarnation: TOO_LARGE, workspaces: [] }, 'incarnation'],
    ['POST', `${job}/heartbeat`, { ...numbers, incarnation: TOO_LARGE, logs: [] }, 'incarnation'],
    ['POST', `${job}/heartbeat`, { ...numbers, attempt: TOO_LARGE, logs: [] }, 'attempt'],
    ['POST', `${job}/heartbeat`, { ...numbers, attempt: -TOO_LARGE, logs: [] }, 'attempt'],
    ['POST', `${job}/heartbeat`, { ...numbers, logs: [{ ...line, seq: TOO_LARGE }] }, 'seq'],
    ['POST', `${job}/complete`, { ...numbers, incarnation: TOO_LARGE, result }, 'incarnation'],
    ['POST', `${job}/complete`, { ...numbers, attempt: TOO_LARGE, result }, 'attempt'],
    ['POST', `${job}/state/take`, { ...numbers, attempt: TOO_LARGE }, 'attempt'],
    ['PUT', `${job}/state`, { ...state, lock: TOO_LARGE }, 'lock'],
    ['PUT', `${job}/state`, { ...state, sequence: TOO_LARGE }, 'sequence'],
  ])('is refused by its name (%s %s)', async (method, path, body, field) => {
    expect(await say(`daemons/${createId(test.kit)}/${path}`, body, method)).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST', detail: expect.stringContaining(field) },
    });
  });
});

describe('a daemon of another time', () => {
  it.each([
    ['newer', 1_000, 'Upgrade the control plane before its daemons, or run an older daemon.'],
    ['older', 0, 'Upgrade the daemon to the release of the control plane.'],
  ])('that is %s is told so, whatever else it sends', async (_, version, hint) => {
    const sent = { protocol_version: version, daemon: { id: 'elsewhere' }, drivers: 'all' };
    expect(await say('register', sent)).toMatchObject({
      status: 409,
      body: {
        code: 'PROTOCOL_UNSUPPORTED',
        detail: `the daemon speaks version ${version} of the provisioner protocol, this control plane versions 3 to 4`,
        hint,
      },
    });
  });

  it('that names no version is told what is missing', async () => {
    expect(await say('register', { name: 'x' })).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST', detail: expect.stringContaining('protocol_version') },
    });
  });
});
