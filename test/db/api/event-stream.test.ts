// Event streams over a real socket, whatever the events are about: the route that follows a job's log
// stands for all of them, with sources that tests hold in their hands.
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { jobRoutes } from '../../../src/contract/job/route.ts';
import { peopleRoutes } from '../../../src/contract/people/route.ts';
import { startTestApi, type TestApi, type TestApiOptions } from '../../support/api.ts';
import { createLineSource, type LineSource } from '../../support/line-source.ts';

const JOB = '019a0000-0000-7000-8000-000000000000';
const PATH = `/api/v1/jobs/${JOB}/logs/stream`;

async function startWith(source: LineSource, options: TestApiOptions = {}): Promise<TestApi> {
  return startTestApi({ ...options, handlers: () => ({ followJobLog: source.handler }) });
}

/** A caller who asks and then reads nothing. */
function askAndSleep({ url, adminToken }: TestApi): net.Socket {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  socket.pause();
  socket.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${adminToken}\r\n\r\n`);
  return socket;
}

async function open(test: TestApi, token = test.adminToken): Promise<Response> {
  return test.send(PATH, { headers: { authorization: `Bearer ${token}` } });
}

describe('an event stream', () => {
  it('is one that no proxy keeps or holds back, and tells browsers when to come back', async () => {
    const source = createLineSource();
    await using test = await startWith(source);
    source.end();
    const response = await open(test);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(await response.text()).toBe(
      'retry: 1000\n\nid: 1.0\nevent: end\n' +
        'data: {"status":"succeeded","error":null,"error_code":null,"truncated":false,"pruned":false}\n\n',
    );
  });

  it('brings each event when it comes', async () => {
    const source = createLineSource();
    await using test = await startWith(source);
    const { body } = await test.admin.call(jobRoutes.followJobLog, {
      params: { job: JOB },
      query: {},
      headers: {},
    });
    const events = body[Symbol.asyncIterator]();
    for (const text of ['one', 'two', 'two lines\nin one', '']) {
      source.say(text);
      expect((await events.next()).value).toMatchObject({ event: 'line', data: { line: text } });
    }
    source.end();
    expect((await events.next()).value).toMatchObject({ event: 'end' });
    expect(await events.next()).toMatchObject({ done: true });
    await expect.poll(() => test.api.requests.open).toBe(0);
  });

  it('shows that it lives while nothing happens', async () => {
    const source = createLineSource();
    await using test = await startWith(source, { eventStreams: { keepAliveMs: 5 } });
    const { body } = await open(test);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk);
      if (text.includes(': alive\n\n: alive\n\n')) break;
    }
    await expect.poll(() => test.api.requests.open).toBe(0);
  });

  it('asks its source for no more than the reader takes, and cuts off one that takes nothing', async () => {
    const source = createLineSource({ endless: 'x'.repeat(8_000) });
    await using test = await startWith(source, { eventStreams: { stallMs: 300 } });
    const socket = askAndSleep(test);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined); // it is cut off in the middle
    await expect.poll(() => source.open).toBe(1);
    await expect.poll(() => source.open).toBe(0);
    await expect.poll(() => test.api.requests.open).toBe(0);
    // What the sockets of both sides hold, and 64 KiB here.
    expect(source.said * 8_000).toBeLessThan(16 * 1024 * 1024);
    socket.resume();
    await closed;
  });

  it('goes on for a slow reader who does read', async () => {
    const source = createLineSource({ endless: 'x'.repeat(8_000) });
    await using test = await startWith(source, { eventStreams: { stallMs: 60_000 } });
    const { body } = await open(test);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    let bytes = 0;
    while (bytes < 20 * 1024 * 1024) bytes += (await reader.read()).value!.byteLength;
    await reader.cancel();
    await expect.poll(() => source.open).toBe(0);
  });

  it('ends in good order when the server stops', async () => {
    const source = createLineSource();
    await using test = await startWith(source, { drainTimeoutMs: 60_000 });
    const response = await open(test);
    source.say('before');
    await expect.poll(() => source.said).toBe(1);
    expect(await test.server.stop('test', 30_000)).toBe('stopped');
    expect(await response.text()).toContain('"line":"before"');
    expect(source.open).toBe(0);
  });

  it('ends its source when the reader goes', async () => {
    const source = createLineSource();
    await using test = await startWith(source);
    const { body } = await open(test);
    await expect.poll(() => source.open).toBe(1);
    await body!.cancel();
    await expect.poll(() => source.open).toBe(0);
  });

  it.each([
    ['while nothing happens', { keepAliveMs: 5, recheckMs: 60_000 }, undefined],
    ['while events flow', { keepAliveMs: 60_000, recheckMs: 0 }, 'x'],
  ])('ends for a token that was revoked, %s', async (_, eventStreams, endless) => {
    const source = createLineSource({ endless });
    await using test = await startWith(source, { eventStreams });
    const { client, token } = await test.person('ann');
    const { body } = await open(test, token);
    const ended = body!.pipeTo(new WritableStream());
    await expect.poll(() => source.open).toBe(1);
    const { body: tokens } = await client.call(peopleRoutes.listTokens, { query: {} });
    await client.call(peopleRoutes.revokeToken, { params: { token: tokens.items[0]!.id } });
    await ended;
    expect(source.open).toBe(0);
    expect((await open(test, token)).status).toBe(401);
  });

  it('is one of a few for each person, and room comes back when one ends', async () => {
    const source = createLineSource();
    await using test = await startWith(source, { eventStreams: { maxPerCaller: 2 } });
    const { token } = await test.person('ann');
    const [first] = [await open(test), await open(test)];
    const third = await open(test);
    expect(third.status).toBe(429);
    expect(await third.json()).toMatchObject({ code: 'TOO_MANY_STREAMS' });
    expect((await open(test, token)).status).toBe(200);
    await first.body!.cancel();
    await expect.poll(async () => (await open(test)).status).toBe(200);
  });

  it('breaks off when its source fails, which is told to the log alone', async () => {
    const source = createLineSource();
    await using test = await startWith(source);
    const response = await open(test);
    source.fail(new Error('secret'));
    expect(await response.text()).toBe('retry: 1000\n\n');
    await expect.poll(() => test.api.requests.open).toBe(0);
  });

  it('is refused as any request is', async () => {
    const source = createLineSource();
    await using test = await startWith(source);
    expect((await test.send(PATH)).status).toBe(401);
    const stranger = createClient({ url: test.url, token: test.adminToken });
    const input = { params: { job: JOB }, query: { after: 'x'.repeat(65) }, headers: {} };
    await expect(stranger.call(jobRoutes.followJobLog, input)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    expect(source.said).toBe(0);
  });
});
