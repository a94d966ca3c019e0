import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import type { Clock } from '../base/clock.ts';
import { createClient, type Fetch } from './client.ts';
import { followJobLog } from './job-log.ts';

const JOB = '019a0000-0000-7000-8000-000000000000';

/** What a connection brings: pieces of text, then its end or a break. */
interface Connection {
  readonly pieces: readonly string[];
  readonly breaks?: true;
  /** How long it is open; no time at all unless given. */
  readonly lastsMs?: number;
}
type Answer = Connection | { readonly status: number; readonly code: string } | 'unreachable';

/** Sleeps take no time, and are counted. */
function createHastyClock(): Clock & {
  readonly pausesMs: readonly number[];
  pass(ms: number): void;
} {
  const pausesMs: number[] = [];
  let elapsedMs = 0;
  return {
    pausesMs,
    now: () => elapsedMs,
    monotonicMs: () => elapsedMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      pausesMs.push(ms);
      elapsedMs += ms;
    },
    pass: (ms) => void (elapsedMs += ms),
  };
}

function bodyOf(
  { pieces, breaks, lastsMs = 0 }: Connection,
  passMs: (ms: number) => void,
): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull: (controller) => {
      const piece = left.shift();
      if (piece !== undefined) return controller.enqueue(new TextEncoder().encode(piece));
      passMs(lastsMs);
      if (breaks === true) controller.error(new TypeError('terminated'));
      else controller.close();
    },
  });
}

function setUp(...answers: readonly (Answer | (() => Answer))[]) {
  const left = [...answers];
  const asked: string[] = [];
  const clock = createHastyClock();
  const send: Fetch = async (url) => {
    asked.push(new URL(url).search);
    const next = left.length > 1 ? left.shift() : left[0];
    const answer = typeof next === 'function' ? next() : next;
    if (answer === undefined || answer === 'unreachable') throw new TypeError('refused');
    if ('code' in answer) {
      const { status, code } = answer;
      const problem = {
        type: 't',
        title: 't',
        status,
        code,
        detail: 'd',
        hint: 'h',
        request_id: 'r',
      };
      return new Response(JSON.stringify(problem), { status });
    }
    return new Response(
      bodyOf(answer, (ms) => clock.pass(ms)),
      { status: 200 },
    );
  };
  // Stands still: whoever waits for it waits for something else as well.
  const clientClock = createManualClock();
  const client = createClient({ url: 'http://standby', fetch: send, clock: clientClock });
  const stopping = new AbortController();
  const deps = { client, clock, rng: { next: () => 0.5 } };
  const follow = async (
    after?: string,
    options: { readonly patienceMs?: number } = {},
  ): Promise<readonly string[]> => {
    const got: string[] = [];
    for await (const { event, data } of followJobLog(deps, JOB, {
      ...options,
      after,
      signal: stopping.signal,
    })) {
      got.push(event === 'line' ? data.line : `(${data.status})`);
    }
    return got;
  };
  return { follow, asked, clock, clientClock, stop: (why: Error) => stopping.abort(why) };
}

const line = (seq: number): string =>
  `id: 1.${seq}\nevent: line\ndata: ${JSON.stringify({
    ...{ attempt: 1, seq, at: '2026-01-02T08:00:00Z', level: 'info', line: `line ${seq}` },
  })}\n\n`;
const END =
  'id: 1.9\nevent: end\ndata: {"status":"failed","error":"e","error_code":"c","truncated":false,"pruned":false}\n\n';

describe('following the log of a job', () => {
  it('gives the lines and how the job ended', async () => {
    const { follow, asked } = setUp({
      pieces: ['retry: 1\n\n', line(0), ': alive\n\n', line(1), END],
    });
    expect(await follow()).toEqual(['line 0', 'line 1', '(failed)']);
    expect(asked).toEqual(['']);
  });

  it('reads events however the text is cut up, with any line ends', async () => {
    const text = `${line(0)}${line(1)}${END}`;
    expect(await setUp({ pieces: text.split('') }).follow()).toHaveLength(3);
    expect(await setUp({ pieces: [text.replaceAll('\n', '\r\n')] }).follow()).toHaveLength(3);
  });

  it('comes back after the last whole event, however a connection ended', async () => {
    const { follow, asked } = setUp(
      { pieces: [line(0), line(1).slice(0, -1)], breaks: true },
      { pieces: [line(1)] },
      { pieces: [line(2), END] },
    );
    expect(await follow('0.-1')).toEqual(['line 0', 'line 1', 'line 2', '(failed)']);
    expect(asked).toEqual(['?after=0.-1', '?after=1.0', '?after=1.1']);
  });

  it('outlives a restart of the server, with longer and longer pauses', async () => {
    const { follow, clock } = setUp(
      { pieces: [line(0)], breaks: true },
      'unreachable',
      { status: 503, code: 'SERVER_STOPPING' },
      { status: 503, code: 'DATABASE_UNAVAILABLE' },
      { status: 408, code: 'REQUEST_TIMEOUT' },
      { pieces: [END] },
    );
    expect(await follow()).toEqual(['line 0', '(failed)']);
    expect(clock.pausesMs).toEqual([150, 300, 600, 1200, 2400]);
  });

  it('is as patient with a connection that was open for long', async () => {
    const { follow } = setUp(
      { pieces: [line(0)], lastsMs: 3_600_000, breaks: true },
      'unreachable',
      { pieces: [line(1)], lastsMs: 3_600_000 },
      'unreachable',
      { pieces: [END] },
    );
    expect(await follow()).toEqual(['line 0', 'line 1', '(failed)']);
  });

  it('waits for as long as it is told to', async () => {
    const { follow, clock } = setUp({ pieces: [] }, 'unreachable');
    await expect(follow(undefined, { patienceMs: 300_000 })).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
    });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(300_000);
  });

  it('says why when the server stays away', async () => {
    const { follow, clock } = setUp({ pieces: [line(0)] }, 'unreachable');
    await expect(follow()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(60_000);
  });

  it.each(['NOT_FOUND', 'UNAUTHENTICATED', 'FORBIDDEN'])('is ended by %s at once', async (code) => {
    const { follow, asked } = setUp({ pieces: [line(0)] }, { status: 404, code });
    await expect(follow()).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(2);
  });

  it('waits for room only where its own former connection may take it', async () => {
    const full = { status: 429, code: 'TOO_MANY_STREAMS' };
    await expect(setUp(full).follow()).rejects.toMatchObject({ code: 'TOO_MANY_STREAMS' });
    expect(await setUp({ pieces: [] }, full, { pieces: [END] }).follow()).toEqual(['(failed)']);
  });

  it('leaves out events that it does not know', async () => {
    const newer = 'id: 1.0\nevent: progress\ndata: {}\n\n';
    expect(await setUp({ pieces: [newer, END] }).follow()).toEqual(['(failed)']);
  });

  it('takes no other answer for a log', async () => {
    const wrong = 'id: 1\nevent: line\ndata: {"line": 1}\n\n';
    const endless = `data: ${'x'.repeat(2_000_000)}`;
    for (const piece of [wrong, 'event: line\ndata: no json\n\n', endless]) {
      await expect(setUp({ pieces: [piece] }).follow()).rejects.toMatchObject({
        code: 'ANSWER_UNEXPECTED',
      });
    }
  });

  it('leaves no timer behind, which would keep a program from ending', async () => {
    const { follow, clientClock } = setUp(
      { pieces: [line(0)], breaks: true },
      { pieces: [line(1)] },
      { pieces: [END] },
    );
    await follow();
    expect(clientClock.sleeping()).toBe(0);
  });

  it('ends with the reason of its signal', async () => {
    const why = new Error('interrupted');
    const { follow, stop } = setUp({ pieces: [line(0)] }, () => {
      stop(why);
      return 'unreachable';
    });
    await expect(follow()).rejects.toBe(why);
  });
});
