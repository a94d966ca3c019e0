import { expect, it } from 'vitest';
import { AppError } from '../../base/app-error.ts';
import { createKit } from '../../base/kit.ts';
import { silentLog } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { workspaceRoutes } from '../../contract/workspace/route.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import type { CommandContext } from '../command.ts';
import { startWorkspace, stopWorkspace } from './change.ts';
import { beginRebuild } from './rebuild.ts';

const AWAY_MS = 4 * 60_000;

interface Trouble {
  /** Nobody answers from the stop on, for this long; the clock moves on only by pauses. */
  readonly awayMs?: number;
  /** The first start is begun, and its answer lost. */
  readonly losesAnswer?: boolean;
  /** Somebody else starts it before that. */
  readonly isStarted?: boolean;
}

/** A workspace that runs, on a server that is restarted as soon as it has stopped it. */
function setUp({ awayMs = 0, losesAnswer = false, isStarted = false }: Trouble) {
  let nowMs = 0;
  let loses = losesAnswer;
  let awayUntilMs = 0;
  let state = { status: 'running', number: 1, reason: 'start' };
  const next = (status: string, reason: string): void => {
    state = { status, number: state.number + 1, reason };
  };
  const begin = ({ transition, update }: { transition: string; update?: boolean }): void => {
    if (transition === 'stop') {
      next('stopped', 'stop');
      awayUntilMs = nowMs + awayMs;
      if (isStarted) next('starting', 'start');
      return;
    }
    if (state.status === 'starting' && update === true) throw new AppError('BUILD_IN_PROGRESS', '');
    if (state.status === 'running') throw new AppError('WORKSPACE_RUNNING', '');
    next('starting', update === true ? 'update' : 'start');
    if (!loses) return;
    loses = false;
    throw new AppError('SERVER_UNREACHABLE', 'the answer is lost');
  };
  const client = {
    call: async (route: unknown, { body }: { body: { transition: string; update?: boolean } }) => {
      if (nowMs < awayUntilMs) throw new AppError('SERVER_UNREACHABLE', 'nobody answers');
      const { number } = state;
      if (route === workspaceRoutes.createBuild) begin(body);
      const isStop = route === workspaceRoutes.createBuild && body.transition === 'stop';
      const build = isStop ? { ...state, status: 'stopped', number: number + 1 } : state;
      const latest_build = { ...build, status: 'succeeded' };
      const shown = { ...build, usable: build.status === 'starting', agents: [] };
      return { status: 202, body: { id: 'id', name: 'demo', ...shown, latest_build } };
    },
  } as unknown as Client;
  const clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => void (nowMs += ms),
  };
  let said = '';
  const context = {
    kit: { ...createKit(silentLog), clock },
    io: { err: (text: string) => void (said += text), isErrTty: false, columns: 80 },
    globals: { json: false },
  } as unknown as CommandContext;
  const id = 'id' as WorkspaceView['id'];
  const changed = { client, id, signal: new AbortController().signal };
  return { context, changed, said: () => said, state: () => state, nowMs: () => nowMs };
}

it('is asked for until somebody answers, once the workspace was stopped for it', async () => {
  const { context, changed, said, state } = setUp({ awayMs: AWAY_MS });
  const begun = await beginRebuild(context, changed, { update: true });
  expect(begun).toMatchObject({ status: 202, body: { latest_build: { reason: 'update' } } });
  expect(state()).toEqual({ status: 'starting', number: 3, reason: 'update' });
  expect(said()).toContain('Asking again; nobody answers\n');
});

it('is what was begun already, where its answer was lost', async () => {
  const { context, changed, state } = setUp({ losesAnswer: true });
  const begun = await beginRebuild(context, changed, { update: true });
  expect(begun).toMatchObject({ status: 202, body: { latest_build: { number: 3 } } });
  expect(state().number).toBe(3);
});

it('is refused for a build that somebody else began', async () => {
  const { context, changed } = setUp({ awayMs: AWAY_MS, isStarted: true });
  await expect(beginRebuild(context, changed, { update: true })).rejects.toMatchObject({
    code: 'BUILD_IN_PROGRESS',
  });
});

it('goes on where a restart stopped it, and not where nobody waits for its end', async () => {
  const { context, changed, nowMs } = setUp({ awayMs: AWAY_MS });
  await stopWorkspace(context, changed);
  const hasty = startWorkspace(context, { ...changed, noWait: true });
  await expect(hasty).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  expect(nowMs()).toBe(0);
  expect(await startWorkspace(context, changed)).toMatchObject({ usable: true });
  expect(nowMs()).toBeGreaterThanOrEqual(AWAY_MS);
});
