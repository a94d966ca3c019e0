import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogFields } from '../../../src/base/log.ts';
import { silentLog } from '../../../src/base/log.ts';
import { createOpenApiDocument } from '../../../src/api/openapi/document.ts';
import { problemSchema, type Problem } from '../../../src/contract/problem.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';

interface LogLine {
  readonly event: string;
  readonly fields: LogFields;
}

const lines: LogLine[] = [];
const write = (event: string, fields: LogFields = {}): void => void lines.push({ event, fields });
const log = { ...silentLog, info: write, error: write };

let test: TestApi;
beforeAll(async () => {
  test = await startTestApi({
    log,
    handlers: () => ({
      getFile: () => Promise.reject(new Error('password=hunter2')),
      listJobs: async () => ({ status: 299, body: null }) as never,
      createWorkspace: () => Promise.reject(new Error('nothing good was sent')),
    }),
  });
});
afterAll(() => test[Symbol.asyncDispose]());

async function problemOf(answer: Response): Promise<Problem> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await answer.json());
  expect(problem.status).toBe(answer.status);
  expect(problem.request_id).toBe(answer.headers.get('x-request-id'));
  return problem;
}

async function post(
  path: string,
  body: RequestInit['body'],
  contentType: string | null = 'application/json',
): Promise<Problem> {
  const headers: Record<string, string> = { authorization: `Bearer ${test.adminToken}` };
  if (contentType !== null) headers['content-type'] = contentType;
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
  return problemOf(await test.send(path, init));
}

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  test.send(path, { headers: { authorization: `Bearer ${test.adminToken}`, ...headers } });

const users = '/api/v1/users';

describe('a body', () => {
  it.each([
    ['{', /JSON/],
    ['', 'the body is empty'],
    ['{"username": "a",}', /JSON/],
    ['nul', /JSON/],
    ['{"username":"a","username":"b"}', 'the key "username" stands twice in one object'],
    [`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, /more than 100 levels deep/],
    // What would overflow the stack of whoever looks for characters that cannot be stored.
    [`${'{"a":'.repeat(100_000)}"\\u0000"${'}'.repeat(100_000)}`, /more than 100 levels deep/],
  ])('that is no JSON is refused: %j', async (body, detail) => {
    const problem = await post(users, body);
    expect(problem).toMatchObject({ status: 400, code: 'MALFORMED_JSON' });
    expect(problem.detail).toMatch(detail);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', null])(
    'of type %s is refused',
    async (type) => {
      // A Uint8Array brings no content type of its own.
      expect(await post(users, new TextEncoder().encode('{}'), type)).toMatchObject({
        status: 415,
        code: 'UNSUPPORTED_MEDIA_TYPE',
      });
    },
  );

  it('that is not UTF-8 is refused', async () => {
    const body = Buffer.from('{"username":"a","display_name":"\xff"}', 'latin1');
    expect(await post(users, body)).toMatchObject({
      code: 'MALFORMED_JSON',
      detail: 'the body is not UTF-8',
    });
  });

  it('that was compressed is refused', async () => {
    const answer = await test.send(users, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${test.adminToken}`,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      },
      body: '{}',
    });
    expect(await problemOf(answer)).toMatchObject({
      status: 415,
      detail: 'the body must come as it is; its content encoding is "gzip"',
    });
  });

  it.each(['{"__proto__":{"username":"a"}}', '{"username":"a","x":{"__proto__":1}}'])(
    'with a key that would change what the object is, is refused: %s',
    async (body) => {
      expect(await post(users, body)).toMatchObject({
        code: 'BAD_REQUEST',
        detail: 'the key "__proto__" is not known',
      });
    },
  );

  it('may name its character set', async () => {
    expect(await post(users, '{}', 'application/json; charset=utf-8')).toMatchObject({
      code: 'BAD_REQUEST',
    });
  });

  it('of more than 1 MiB is refused, announced or not', async () => {
    const body = JSON.stringify({ username: 'x'.repeat(1024 * 1024) });
    expect(await post(users, body)).toMatchObject({
      status: 413,
      code: 'BODY_TOO_LARGE',
      detail: `the body may have 1048576 bytes; ${body.length} were announced`,
    });
    const chunks = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024).fill(32)),
    });
    expect(await post(users, chunks)).toMatchObject({
      status: 413,
      detail: 'the body may have 1048576 bytes; more came',
    });
  });

  it('with unknown keys is refused, and they are named', async () => {
    const body = { username: 'ann', admn: true, '\u202e': 1 };
    expect(await post(users, JSON.stringify(body))).toMatchObject({
      code: 'BAD_REQUEST',
      detail: String.raw`body."admn" is not known; body."\u{202e}" is not known`,
    });
  });

  it('with wrong values is refused, and they are shown', async () => {
    const body = { username: 'ann', email: 'nobody', organizations: ['ok', 5] };
    expect(await post(users, JSON.stringify(body))).toMatchObject({
      code: 'BAD_REQUEST',
      detail:
        'body.email is "nobody": must be an e-mail address; body.organizations.1 is 5: must be text',
      issues: [{ path: 'body.email' }, { path: 'body.organizations.1' }],
    });
  });

  it.each(['a/b', 'a b', 'A', '-a', 'ü', '', 'x'.repeat(300), '../x'])(
    'with %j as a name is refused',
    async (username) => {
      expect(await post(users, JSON.stringify({ username }))).toMatchObject({
        status: 400,
        code: 'NAME_INVALID',
        detail: expect.stringContaining('must be 1 to 63 lower-case letters'),
      });
    },
  );

  it.each([
    String.raw`{"username":"a","display_name":"x\u0000y"}`,
    String.raw`{"username":"a","display_name":"\ud800"}`,
  ])('with text that cannot be stored is refused: %s', async (body) => {
    expect(await post(users, body)).toMatchObject({
      code: 'BAD_REQUEST',
      detail: expect.stringContaining('has a character that cannot be stored'),
    });
  });
});

describe('a secret in a body that is refused', () => {
  const path = '/api/v1/organizations/default/workspaces';
  const body = (parameters: string): string =>
    `{"name":"demo","template":"hello","parameters":${parameters}}`;

  it.each([
    ['too long', body(`{"token":"canary${'x'.repeat(10_000)}"}`)],
    ['of another type', body('{"token":["canary"]}')],
    ['with a character that cannot be stored', body(String.raw`{"token":"canary\u0000"}`)],
    ['without its name', body('"canary"')],
    ['where a comma is missing', body('{"token":"canary" "pin":"1"}')],
    ['without quotes', body('{"token":canary}')],
  ])('is not repeated: %s', async (_when, text) => {
    const problem = await post(path, text);
    expect(problem.status).toBe(400);
    expect(problem.detail).toMatch(/token|parameters|JSON/);
    expect(JSON.stringify(problem)).not.toContain('canary');
  });
});

describe('a value for a new owner in a body that is refused', () => {
  const path = '/api/v1/organizations/default/workspaces';

  it.each([
    String.raw`"environment":{"A":["canary"]}`,
    String.raw`"environment":"canary"`,
    String.raw`"secrets":{"a":{"b":"canary"}}`,
    String.raw`"secrets":{"secrets":"canary\u0000"}`,
    String.raw`"files":{"a":{"content":"canary!","encoding":"base64"}}`,
    String.raw`"files":{"a":{"content":"a","mode":"canary"}}`,
    String.raw`"files":{"a":{"content":["canary"]}}`,
  ])('is not repeated: %s', async (values) => {
    const problem = await post(path, `{"name":"demo","template":"hello",${values}}`);
    expect(problem).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
      detail: expect.stringMatching(/environment|secrets|files/),
    });
    expect(JSON.stringify(problem)).not.toContain('canary');
  });
});

describe('a path and a query', () => {
  it.each(['a%2Fb', 'a%20b', 'x'.repeat(300), '%00', '%zz', '.%2e'])(
    'with %s for a name is refused',
    async (name) => {
      const answer = await get(`/api/v1/organizations/${name}/jobs`);
      expect([400, 404]).toContain(answer.status);
      expect((await problemOf(answer)).code).not.toBe('INTERNAL');
    },
  );

  it('that is unknown is not found', async () => {
    expect(await problemOf(await get('/api/v1/nothing'))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
      detail: 'there is no GET /api/v1/nothing',
    });
  });

  it('with a method it does not know says which it knows', async () => {
    const answer = await test.send('/api/v1/users', { method: 'PATCH' });
    expect(answer.headers.get('allow')).toBe('GET, POST');
    expect(await problemOf(answer)).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
  });

  it.each([
    ['limit=0', /query.limit/],
    ['limit=501', /query.limit/],
    ['limit=ten', 'query.limit is "ten": '],
    ['limt=1', 'query."limt" is not known'],
    ['cursor=%00', /query.cursor is .* cannot be stored/],
    ['limit=1&limit=2', 'query.limit is given twice: "1" and "2"'],
  ])('with ?%s is refused', async (query, detail) => {
    const problem = await problemOf(await get(`/api/v1/users?${query}`));
    expect(problem).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    expect(problem.detail).toMatch(detail);
  });

  it('with a cursor that is no id is refused where ids are', async () => {
    expect(await problemOf(await get('/api/v1/tokens?cursor=x'))).toMatchObject({
      code: 'BAD_REQUEST',
      detail: 'query.cursor is "x"',
    });
  });
});

describe('an answer', () => {
  it('keeps the request id of its caller, unless that could forge log lines', async () => {
    const id = 'trace-12345678';
    expect((await get('/healthz', { 'x-request-id': id })).headers.get('x-request-id')).toBe(id);
    const forged = 'short "x"';
    expect((await get('/healthz', { 'x-request-id': forged })).headers.get('x-request-id')).toMatch(
      /^[0-9a-f-]{36}$/,
    );
  });

  it('to HEAD has no body', async () => {
    const answer = await test.send('/healthz', { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it('never tells what the server did not expect, which the log does, once', async () => {
    lines.length = 0;
    const path = `/api/v1/provisioner/files/${'a'.repeat(64)}`;
    const answer = await test.send(path, {
      headers: { authorization: `Bearer ${test.provisionerKey}` },
    });
    const problem = await problemOf(answer);
    expect(problem).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
    expect(lines).toEqual([
      {
        event: 'request.failed',
        fields: {
          request_id: problem.request_id,
          route: 'getFile',
          error: expect.objectContaining({ message: 'password=hunter2' }),
        },
      },
      {
        event: 'request.answered',
        fields: {
          request_id: problem.request_id,
          route: 'getFile',
          method: 'GET',
          path,
          status: 500,
          duration_ms: expect.any(Number),
          provisioner_key_id: expect.any(String),
          code: 'INTERNAL',
        },
      },
    ]);
  });

  it('to /openapi.json describes the API to whoever holds a token', async () => {
    const answer = await get('/openapi.json');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(createOpenApiDocument('test'))));
  });

  it('that the route does not have is a fault', async () => {
    expect(await problemOf(await get('/api/v1/organizations/default/jobs'))).toMatchObject({
      status: 500,
    });
  });
});
