// A call that waits for long, and is shown meanwhile that somebody is at it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/base/app-error.ts';
import { createId } from '../../../src/base/id.ts';
import { createClient } from '../../../src/client/client.ts';
import { provisionerRoutes } from '../../../src/contract/provisioner/route.ts';
import { startTestApi, type TestApi } from '../../support/api.ts';
import { createDeferred, type Deferred } from '../../support/deferred.ts';

/** That there was nothing to do. */
const NOTHING = { status: 204, body: null } as const;

let test: TestApi;
let answering: Deferred<typeof NOTHING>;
/** Why the wait of the newest call ended early. */
let gone: Deferred<unknown>;

beforeEach(async () => {
  answering = createDeferred();
  gone = createDeferred();
  test = await startTestApi({
    handlers: () => ({
      acquireJob: ({ signal }) => {
        signal.addEventListener('abort', () => gone.resolve(signal.reason));
        return answering.promise;
      },
    }),
  });
});
afterEach(() => test[Symbol.asyncDispose]());

const input = (aliveMs: number | null) => ({
  params: { daemon: createId(test.kit) },
  body: { incarnation: 1, wait_ms: 60_000, alive_ms: aliveMs },
});

async function ask(aliveMs: number | null, signal?: AbortSignal): Promise<Response> {
  const { params, body } = input(aliveMs);
  return test.send(`/api/v1/provisioner/daemons/${params.daemon}/acquire`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${test.provisionerKey}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function nextText(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  return new TextDecoder().decode((await reader.read()).value);
}

describe('a call that waits', () => {
  it('is shown life until its answer comes', async () => {
    const answer = await ask(100);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const reader = answer.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    expect(await nextText(reader)).toBe(' ');
    expect(await nextText(reader)).toBe(' ');
    answering.resolve(NOTHING);
    let rest = '';
    for (let text = await nextText(reader); text !== ''; text = await nextText(reader))
      rest += text;
    expect(rest.trim()).toBe('null');
  });

  it('is read as any other by the client', async () => {
    const client = createClient({ url: test.url, token: test.provisionerKey });
    const call = client.call(provisionerRoutes.acquireJob, input(100));
    await (await ask(100)).body!.getReader().read(); // as long as the other one is under way
    answering.resolve(NOTHING);
    expect(await call).toEqual({ status: 200, body: null });
  });

  it('gets an answer that comes soon as it is', async () => {
    answering.resolve(NOTHING);
    expect((await ask(60_000)).status).toBe(204);
  });

  it('gets its answer as it is when it did not ask for that', async () => {
    const asked = ask(null);
    await expect.poll(() => test.api.requests.waiting).toBe(1);
    answering.resolve(NOTHING);
    expect((await asked).status).toBe(204);
  });

  it('is cut off by what goes wrong after that, and told of what goes wrong before', async () => {
    const client = createClient({ url: test.url, token: test.provisionerKey });
    const call = client.call(provisionerRoutes.acquireJob, input(100));
    call.catch(() => undefined); // looked at below
    const other = await ask(100); // begun, when its head is there
    answering.reject(new AppError('DAEMON_REPLACED', 'it has registered again'));
    await expect(call).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    await expect(other.text()).rejects.toThrow();
    await expect(client.call(provisionerRoutes.acquireJob, input(60_000))).rejects.toMatchObject({
      code: 'DAEMON_REPLACED',
    });
    await expect.poll(() => test.api.requests.open).toBe(0);
  });

  it('ends when its caller hangs up', async () => {
    const caller = new AbortController();
    const answer = await ask(100, caller.signal);
    caller.abort();
    await expect(answer.text()).rejects.toThrow();
    expect(await gone.promise).toMatchObject({ name: 'CallerGone' });
    answering.resolve(NOTHING);
    await expect.poll(() => test.api.requests.open).toBe(0);
  });
});
