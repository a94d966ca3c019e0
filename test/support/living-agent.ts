// An agent of a workspace in this process, that does as the shipped ones do over HTTP: it exchanges, waits at
// the control plane in one heartbeat at a time, and takes over each owner it is told of.
import { AppError } from '../../src/base/app-error.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import { hashToken } from '../../src/base/token.ts';
import { serveHeartbeat, type HeartbeatDeps } from '../../src/workspaces/agent/heartbeat.ts';
import type { AgentsTogether } from '../../src/store/agent-together.ts';
import { openSession } from './agent-session.ts';

export interface LivingAgent extends AsyncDisposable {
  /** Of owners that it took over, in order. */
  readonly epochs: readonly number[];
  /** It does nothing more, and nobody is told: its call still waits at the control plane. */
  freeze(): void;
}

type Deps = HeartbeatDeps & { readonly agents: AgentsTogether };

export async function startLivingAgent(
  deps: Deps,
  agent: { readonly workspaceId: WorkspaceId; readonly name: string },
  { isSilent = false }: { readonly isSilent?: boolean } = {},
): Promise<LivingAgent> {
  const over = new AbortController();
  const epochs: number[] = [];
  const frozen = new AbortController();
  let session: string | undefined;
  let knownEpoch = 0;
  const beat = async (waitMs: number): Promise<void> => {
    session ??= (await openSession(deps, deps.database, agent)).session;
    const caller = await deps.agents.findSession(hashToken(session).toString('hex'));
    if (caller === undefined) {
      session = undefined;
      return;
    }
    const answer = await serveHeartbeat(deps, caller, {
      ...{ lifecycle: 'ready', appliedEpoch: epochs.at(-1) ?? 0, knownEpoch },
      ...{ waitMs, pollMs: 60_000, signal: over.signal },
    });
    if (frozen.signal.aborted) return;
    session = answer.session ?? session;
    if (answer.owner !== null && answer.epoch > knownEpoch) epochs.push(answer.epoch);
    knownEpoch = answer.epoch;
  };
  const goOn = async (): Promise<boolean> => {
    try {
      await beat(60_000);
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      // Its workspace is gone, and so would it be.
      if (code === 'AGENT_UNKNOWN') return false;
      if (code !== 'UNAUTHENTICATED') throw error;
      session = undefined;
    }
    return true;
  };
  if (isSilent) frozen.abort();
  await beat(0);
  const either = AbortSignal.any([over.signal, frozen.signal]);
  const life = (async () => {
    // Also a silent one waits once, to be told, unless it was claimed already.
    while ((await goOn()) && !either.aborted);
  })();
  return {
    epochs,
    freeze: () => frozen.abort(),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await life;
    },
  };
}
