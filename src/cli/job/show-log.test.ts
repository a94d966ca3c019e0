import { expect, it } from 'vitest';
import { createDeferred } from '../../../test/support/deferred.ts';
import type { Clock } from '../../base/clock.ts';
import { createKit } from '../../base/kit.ts';
import { silentLog } from '../../base/log.ts';
import { createClient } from '../../client/client.ts';
import { showJobLog } from './show-log.ts';

const JOB = '019a0000-0000-7000-8000-000000000000';

const said = (seq: number): string =>
  `id: 1.${seq}\nevent: line\ndata: ${JSON.stringify({
    ...{ attempt: 1, seq, at: '2026-01-02T08:00:00Z', level: 'info', line: `line ${seq}` },
  })}\n\n`;
const END =
  'id: 1.9\nevent: end\ndata: {"status":"succeeded","error":null,"error_code":null,"truncated":false,"pruned":false}\n\n';

/** Pauses take no time. */
function createHastyClock(): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

it('shows the lines of a job through minutes without a server', async () => {
  const clock = createHastyClock();
  const backMs = 4 * 60_000;
  let asked = 0;
  const client = createClient({
    url: 'http://standby',
    clock: { ...clock, sleep: () => new Promise(() => undefined) }, // no call takes too long
    fetch: async () => {
      if (asked++ === 0) return new Response(said(0));
      if (clock.monotonicMs() < backMs) return new Response('<html>', { status: 502 });
      return new Response(said(1) + END);
    },
  });
  const kept: string[] = [];
  const isBack = createDeferred<string>();
  const keep = (line: string): void => {
    kept.push(line);
    if (line === '  line 1') isBack.resolve(line);
  };
  const shown = showJobLog(
    { kit: { ...createKit(silentLog), clock } },
    {
      client,
      job: JOB,
      progress: { keep, say: () => undefined, clear: () => undefined },
    },
  );
  await isBack.promise;
  await shown.finish();
  expect(kept).toEqual(['  line 0', '  line 1']);
});
