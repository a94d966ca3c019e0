import { describe, expect, it } from 'vitest';
import { AppError } from '../base/app-error.ts';
import { runInsideTransaction } from '../base/transaction-scope.ts';
import { healthRoutes } from '../contract/health.ts';
import { peopleRoutes } from '../contract/people/route.ts';
import { provisionerRoutes } from '../contract/provisioner/route.ts';
import { templateRoutes } from '../contract/template/route.ts';
import { createClient, type ClientOptions } from './client.ts';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

function clientThatGets(
  answer: () => Response,
  more: Partial<ClientOptions> = {},
): { readonly client: ReturnType<typeof createClient>; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch: ClientOptions['fetch'] = async (url, init) => {
    sent.push({ url, init });
    return answer();
  };
  return { client: createClient({ url: 'http://host:1/', fetch, ...more }), sent };
}

const problem = (status: number, fields: object): Response =>
  new Response(
    JSON.stringify({ type: 'urn:x', title: 'X', status, detail: 'd', hint: 'h', ...fields }),
    { status },
  );

const failure = async (call: Promise<unknown>): Promise<AppError> => {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof AppError)) throw new Error('no AppError was thrown', { cause: thrown });
  return thrown;
};

describe('the client', () => {
  it('fills path, query and headers, and shows its token', async () => {
    const { client, sent } = clientThatGets(() => problem(404, { code: 'NOT_FOUND' }), {
      url: 'https://host/below/',
      token: 'sbt_x',
    });
    const params = { organization: 'a b', template: 'x/y' };
    await failure(
      client.call(templateRoutes.listVersions, { params, query: { limit: 5, cursor: undefined } }),
    );
    expect(sent[0]?.url).toBe(
      'https://host/below/api/v1/organizations/a%20b/templates/x%2Fy/versions?limit=5',
    );
    expect(sent[0]?.init).toMatchObject({
      method: 'GET',
      headers: { authorization: 'Bearer sbt_x' },
    });
  });

  it('gives the parsed body, null for none, and bytes for an archive', async () => {
    const health = clientThatGets(() => Response.json({ status: 'ok', version: '1', more: 1 }));
    expect(await health.client.call(healthRoutes.healthz, {})).toEqual({
      status: 200,
      body: { status: 'ok', version: '1' },
    });
    const revoked = clientThatGets(() => new Response(null, { status: 204 }));
    expect(await revoked.client.call(peopleRoutes.revokeToken, { params: { token: 't' } })).toEqual(
      {
        status: 204,
        body: null,
      },
    );
    const file = clientThatGets(() => new Response(Uint8Array.of(1, 2)));
    const hash = 'a'.repeat(64);
    expect(await file.client.call(provisionerRoutes.getFile, { params: { hash } })).toEqual({
      status: 200,
      body: Uint8Array.of(1, 2),
    });
  });

  it("throws the server's code with its text and further facts", async () => {
    const { client } = clientThatGets(() =>
      problem(409, { code: 'NAME_TAKEN', detail: 'name is "a"', request_id: 'r1' }),
    );
    expect(await failure(client.call(peopleRoutes.whoami, {}))).toMatchObject({
      code: 'NAME_TAKEN',
      detail: 'name is "a"',
      hint: 'h',
      fields: { request_id: 'r1' },
    });
  });

  it.each([
    [404, 'NOT_FOUND'],
    [409, 'BAD_REQUEST'],
    [503, 'INTERNAL'],
  ])('keeps the text of a code it does not know: HTTP %d', async (status, code) => {
    const { client } = clientThatGets(() => problem(status, { code: 'FROM_THE_FUTURE' }));
    expect(await failure(client.call(peopleRoutes.whoami, {}))).toMatchObject({
      code,
      detail: 'FROM_THE_FUTURE: d',
      fields: { server_code: 'FROM_THE_FUTURE' },
    });
  });

  it.each([
    ['a page', () => new Response('<html>', { status: 200 })],
    ['an error page', () => new Response('<html>', { status: 500 })],
    ['a redirect', () => new Response(null, { status: 302 })],
    ['another document', () => Response.json({ status: 'fine' })],
  ])('says that %s is no answer of Standby', async (_what, answer) => {
    const { client } = clientThatGets(answer);
    expect((await failure(client.call(healthRoutes.healthz, {}))).code).toBe('ANSWER_UNEXPECTED');
  });

  it.each([502, 503, 504])(
    'takes the page of a proxy for a server that is away: %d',
    async (status) => {
      const { client } = clientThatGets(() => new Response('<html>', { status }));
      expect(await failure(client.call(healthRoutes.healthz, {}))).toMatchObject({
        code: 'SERVER_UNREACHABLE',
        detail: `the server cannot be reached: what is before it says HTTP ${status}`,
      });
    },
  );

  it('names the address when it cannot connect or the answer is lost', async () => {
    const refused = new TypeError('fetch failed', {
      cause: new Error('connect ECONNREFUSED 127.0.0.1:1'),
    });
    const { client } = clientThatGets(() => {
      throw refused;
    });
    expect(await failure(client.call(healthRoutes.healthz, {}))).toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: 'http://host:1 cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
      cause: refused,
    });
  });

  it('gives up after its time limit and what the request itself waits', async () => {
    const waits: number[] = [];
    const client = createClient({
      url: 'http://host:1',
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
      clock: { now: () => 0, monotonicMs: () => 0, sleep: async (ms) => void waits.push(ms) },
    });
    const call = client.call(
      provisionerRoutes.acquireJob,
      { params: { daemon: 'd' }, body: { incarnation: 1, wait_ms: 20_000 } },
      { timeoutMs: 5_000 },
    );
    expect(await failure(call)).toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: 'http://host:1 cannot be reached: it did not answer within 25 s',
    });
    expect(waits).toEqual([25_000]);
  });

  it("throws the reason of the caller's own abort", async () => {
    const reason = new Error('enough');
    const { client } = clientThatGets(() => {
      throw new Error('the fetch was aborted');
    });
    const signal = AbortSignal.abort(reason);
    await expect(client.call(healthRoutes.healthz, {}, { signal })).rejects.toBe(reason);
  });

  it('refuses to run inside a database transaction', async () => {
    const { client, sent } = clientThatGets(() => Response.json({}));
    await expect(runInsideTransaction(() => client.call(healthRoutes.healthz, {}))).rejects.toThrow(
      'calling healthz inside a database transaction',
    );
    expect(sent).toEqual([]);
  });

  it.each(['', '.', '..'])(
    'refuses a path segment that would change the path: %j',
    async (name) => {
      const { client, sent } = clientThatGets(() => Response.json({}));
      const params = { organization: 'o', template: 't', version: name };
      expect((await failure(client.call(templateRoutes.getVersion, { params }))).code).toBe(
        'BAD_REQUEST',
      );
      expect(sent).toEqual([]);
    },
  );

  it('stops reading an answer that has no end', async () => {
    const { client } = clientThatGets(
      () =>
        new Response(
          new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(8_000_000)) }),
        ),
    );
    expect(await failure(client.call(healthRoutes.healthz, {}))).toMatchObject({
      code: 'ANSWER_UNEXPECTED',
      detail: 'the server gave an answer of more than 67108864 bytes: HTTP 200',
    });
  });

  it.each([
    ['HPE_INVALID_CONSTANT', 'ANSWER_UNEXPECTED', 'gave something that is not HTTP: said so'],
    ['Z_DATA_ERROR', 'ANSWER_UNEXPECTED', 'gave something that is not HTTP: said so'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'SERVER_UNREACHABLE', 'it does not speak TLS'],
  ])('tells what answers in another language from nobody: %s', async (code, expected, detail) => {
    const { client } = clientThatGets(() => {
      throw new TypeError('fetch failed', {
        cause: Object.assign(new Error('said so'), { code }),
      });
    });
    expect(await failure(client.call(healthRoutes.healthz, {}))).toMatchObject({
      code: expected,
      detail: expect.stringContaining(detail),
    });
  });

  it.each(['', 'a b', 'a\nb', 'ä'])('does not send %j as a token, nor show it', async (token) => {
    const { client, sent } = clientThatGets(() => Response.json({}), { token });
    const { code, detail } = await failure(client.call(peopleRoutes.whoami, {}));
    expect({ code, detail, sent }).toEqual({
      code: 'UNAUTHENTICATED',
      detail:
        token === '' ? 'the token is empty' : 'the token has a character in it that no token has',
      sent: [],
    });
  });

  it.each([
    ...['', 'host:80', 'ftp://host', '127.0.0.1:7850'],
    ...['http://ann:secret@host', 'http://host/?a=b', 'http://host/#a'],
  ])('refuses %j as an address', (url) => {
    expect(() => createClient({ url })).toThrow(/USAGE.*is not the address of a server/);
  });
});
