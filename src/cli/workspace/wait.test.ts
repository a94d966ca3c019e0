import { expect, it } from 'vitest';
import { AppError } from '../../base/app-error.ts';
import { createKit } from '../../base/kit.ts';
import { silentLog } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { waitUntil } from './wait.ts';

const WORKSPACE = {
  ...{ id: 'id', name: 'demo', status: 'running', usable: false, agents: [] },
  latest_build: { status: 'succeeded', job_id: 'job' },
} as unknown as WorkspaceView;

/** Waits for a server that answers from that instant on; the clock moves on only by pauses. */
function setUp({ answersAtMs }: { readonly answersAtMs: number }) {
  let nowMs = 0;
  let said = '';
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms),
  };
  const client = {
    call: async () => {
      if (nowMs < answersAtMs) throw new AppError('SERVER_UNREACHABLE', 'nobody answers');
      return { status: 200, body: { ...WORKSPACE, usable: true } };
    },
  } as unknown as Client;
  const context = {
    kit: { ...createKit(silentLog), clock },
    io: { err: (text: string) => void (said += text), isErrTty: false, columns: 80 },
    globals: { json: false },
  } as unknown as CommandContext;
  const { signal } = new AbortController();
  const waiting = waitUntil('usable', context, { client, workspace: WORKSPACE, signal });
  return { waiting, nowMs: () => nowMs, said: () => said };
}

it('goes on while the server is restarted, however long that takes, and says so', async () => {
  const { waiting, said } = setUp({ answersAtMs: 4 * 60_000 });
  expect(await waiting).toMatchObject({ usable: true });
  expect(said()).toContain('demo goes on; nobody answers\n');
});

it('ends after minutes in which nobody has answered', async () => {
  const { waiting, nowMs } = setUp({ answersAtMs: Number.POSITIVE_INFINITY });
  await expect(waiting).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(nowMs()).toBe(5 * 60_000);
});
