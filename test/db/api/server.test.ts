import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { createHttpServer } from '../../../src/api/http/server.ts';
import { createClient } from '../../../src/client/client.ts';
import { healthRoutes } from '../../../src/contract/health.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { startTestApi, type TestApiOptions } from '../../support/api.ts';
import { createCutOff } from '../../support/cut-off.ts';
import { createDeferred } from '../../support/deferred.ts';
import { until } from '../../support/until.ts';

const waiting: TestApiOptions['handlers'] = () => ({
  // Waits until it is told to stop, as a long poll does.
  listJobs: ({ signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    }),
});
const listJobs = { params: { organization: 'default' }, query: {} };

/** What comes back for bytes on a bare connection, until the server closes it. */
async function talk(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('the HTTP server', () => {
  it('says which address is in use, and by which flag to choose another', async () => {
    await using test = await startTestApi();
    const { host, port } = test.server.address();
    const second = createHttpServer(test.kit, test.api, { host, port });
    await expect(second.start()).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      detail: `another program listens on 127.0.0.1:${port}`,
      hint: expect.stringContaining('--http-port'),
    });
    expect(await second.stop('test', 1_000)).toBe('stopped');
  });

  it('says when an address is not one of this machine', async () => {
    await using test = await startTestApi();
    const server = createHttpServer(test.kit, test.api, { host: '192.0.2.1', port: 0 });
    await expect(server.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining('cannot listen on 192.0.2.1:0'),
    });
  });

  it('does not wait at its stop for callers who keep their connection for later', async () => {
    await using test = await startTestApi({ handlers: waiting, drainTimeoutMs: 60_000 });
    const agent = new http.Agent({ keepAlive: true });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      http
        .get(
          `${test.url}/api/v1/organizations/default/jobs`,
          { agent, headers: { authorization: `Bearer ${test.adminToken}` } },
          (response) => response.resume().on('end', () => resolve(response.statusCode)),
        )
        .on('error', reject);
    });
    await until(() => expect(test.api.requests.waiting).toBe(1));
    expect(await test.server.stop('test', 30_000)).toBe('stopped');
    expect(await answered).toBeGreaterThanOrEqual(500);
    agent.destroy();
  });

  it('does not wait at its stop for connections that never asked for anything', async () => {
    await using test = await startTestApi({ drainTimeoutMs: 600_000, headersTimeoutMs: 100_000 });
    const socket = net.connect(test.server.address().port, '127.0.0.1');
    await once(socket, 'connect');
    await test.send('/healthz'); // accepted after it, so that it was accepted as well
    expect(await test.server.stop('test', 30_000)).toBe('stopped');
  });

  it('ends long polls when it stops, and lets other answers finish', async () => {
    const finish = createDeferred<true>();
    const started = createDeferred<true>();
    await using test = await startTestApi({
      handlers: (deps) => ({
        ...waiting(deps),
        readyz: async () => {
          started.resolve(true);
          await finish.promise;
          return { status: 200, body: { status: 'ok', version: 'finished' } };
        },
      }),
    });
    const slow = test.admin.call(healthRoutes.readyz, {});
    await started.promise;
    const poll = test.admin.call(jobRoutes.listJobs, listJobs);
    poll.catch(() => undefined); // looked at below
    await expect.poll(() => test.api.requests.waiting).toBe(1);

    const stopped = test.server.stop('test', 5_000);
    await expect(poll).rejects.toMatchObject({ code: 'SERVER_STOPPING' });
    finish.resolve(true);
    expect((await slow).body.version).toBe('finished');
    expect(await stopped).toBe('stopped');
    await expect(test.admin.call(healthRoutes.healthz, {})).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      detail: expect.stringContaining(test.url),
    });
  });

  it('cuts off what does not finish in time', async () => {
    await using test = await startTestApi({
      drainTimeoutMs: 20,
      handlers: () => ({ listJobs: () => new Promise(() => undefined) }),
    });
    const call = test.admin.call(jobRoutes.listJobs, listJobs);
    call.catch(() => undefined); // looked at below
    await expect.poll(() => test.api.requests.open).toBe(1);
    expect(await test.server.stop('test', 5_000)).toBe('stopped');
    await expect(call).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  it('ends the waiting of a caller that hung up', async () => {
    const reason = createDeferred<unknown>();
    await using test = await startTestApi({
      handlers: () => ({
        listJobs: ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reason.resolve(signal.reason);
              reject(signal.reason as Error);
            });
          }),
      }),
    });
    const caller = new AbortController();
    const call = test.admin.call(jobRoutes.listJobs, listJobs, { signal: caller.signal });
    call.catch(() => undefined); // looked at below
    await expect.poll(() => test.api.requests.waiting).toBe(1);
    caller.abort(new Error('hung up'));
    await expect(call).rejects.toThrow('hung up');
    expect(await reason.promise).toMatchObject({ name: 'CallerGone' });
    await expect.poll(() => test.api.requests.waiting).toBe(0);
  });

  it('answers what is no HTTP with a problem', async () => {
    await using test = await startTestApi();
    const { port } = test.server.address();
    expect(await talk(port, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"BAD_REQUEST"/s);
    const huge = `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`;
    expect(await talk(port, huge)).toMatch(/the headers of the request are too large/);
    const noHost = await talk(port, 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n');
    expect(noHost).toMatch(/^HTTP\/1.1 400 /);
  });

  it('cuts off a caller that sends its headers too slowly', async () => {
    await using test = await startTestApi({ headersTimeoutMs: 50 });
    expect(await talk(test.server.address().port, 'GET / HTTP/1.1\r\nhost: x\r\n')).toMatch(
      /^HTTP\/1.1 408 .*"status":408,"code":"REQUEST_TIMEOUT","detail":"the request did not arrive in time"/s,
    );
  });

  it('says that the database is away, and works when it is back', async () => {
    await using way = await createCutOff();
    await using test = await startTestApi({
      through: async (connection) => {
        const other = way.through(connection);
        await way.mend();
        return other;
      },
    });
    const anonymous = createClient({ url: test.url });
    expect((await test.admin.call(peopleRoutes.whoami, {})).status).toBe(200);
    await way.cut();
    const away = { code: 'DATABASE_UNAVAILABLE' };
    await expect(test.admin.call(peopleRoutes.whoami, {})).rejects.toMatchObject(away);
    await expect(anonymous.call(healthRoutes.readyz, {})).rejects.toMatchObject(away);
    expect((await anonymous.call(healthRoutes.healthz, {})).status).toBe(200);
    await way.mend();
    expect((await anonymous.call(healthRoutes.readyz, {})).status).toBe(200);
    expect((await test.admin.call(peopleRoutes.whoami, {})).status).toBe(200);
  });
});
