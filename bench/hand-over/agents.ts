// Agents of all workspaces that have one, in this process: each waits at the control plane as the shipped one
// does, answers a claim at once, and has taken its owner over a moment later.
import { setMaxListeners } from 'node:events';
import path from 'node:path';
import type pg from 'pg';
import { createControlPlane, Unauthorized } from '../../src/agent/control-plane.ts';
import { createSession } from '../../src/agent/session.ts';
import { createBootstrapTokens, type BootstrapTokens } from '../../src/base/bootstrap-token.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import { loadSecretKey } from '../../src/main/installation/secret-file.ts';
import type { Stage } from '../support/bench.ts';

export const AGENT = 'main';
/** New workspaces are looked for so often. */
const LOOK_MS = 100;
const WAIT_MS = 20_000;
/** As long as a short on_claim takes. */
const TAKE_OVER_MS = 200;
/** As the shipped one, which spreads what it tries again. */
const RETRY_MS = 200;

interface Deps {
  readonly url: string;
  readonly dataDir: string;
  readonly database: pg.Client;
}

export interface KeptAgents {
  /** How many have been answered so far. */
  signsOfLife(): number;
}

/** They end with the stage. What fails in one of them ends the bench. */
export async function keepAgents(
  stage: Stage,
  { url, dataDir, database }: Deps,
): Promise<KeptAgents> {
  const { kit } = stage;
  const secretKey = await loadSecretKey(kit, path.join(dataDir, 'secret.key'), { create: false });
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const signal = AbortSignal.any([over.signal, stage.signal]);
  setMaxListeners(0, signal);
  const tokens = createBootstrapTokens(secretKey);
  let signsOfLife = 0;
  const onHeard = (): void => void (signsOfLife += 1);
  const known = new Set<WorkspaceId>();
  const work: Promise<unknown>[] = [];
  // Seen when the stage ends.
  const watched = (life: Promise<void>): Promise<void> => {
    life.catch(() => undefined);
    return life;
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const { rows } = await database.query<{ id: WorkspaceId }>(
        `select workspace_id as id from agents where lifecycle = 'created'`,
      );
      for (const { id } of rows) {
        if (known.has(id)) continue;
        known.add(id);
        work.push(watched(live({ ...stage, signal }, { url, tokens, workspaceId: id, onHeard })));
      }
      await kit.clock.sleep(LOOK_MS, signal);
    }
  };
  work.push(watched(run()));
  stage.onEnd(async () => {
    over.abort();
    for (const end of await Promise.allSettled(work)) {
      if (end.status === 'rejected' && !isEnd(end.reason)) throw end.reason;
    }
  });
  return { signsOfLife: () => signsOfLife };
}

function isEnd(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'AbortError';
}

interface Living {
  readonly url: string;
  readonly tokens: BootstrapTokens;
  readonly workspaceId: WorkspaceId;
  readonly onHeard: () => void;
}

/** Until it has taken its owner over: what became of the workspace is not measured. */
async function live(
  { kit, signal }: Pick<Stage, 'kit' | 'signal'>,
  { url, tokens, workspaceId, onHeard }: Living,
): Promise<void> {
  const controlPlane = createControlPlane({
    ...{ agent: AGENT, scriptDir: '', stateDir: '', url: () => url },
    bootstrapToken: () => tokens.issue(workspaceId),
  });
  const session = createSession(controlPlane, signal);
  let knownEpoch = 0;
  const beat = async (appliedEpoch: number, waitMs: number): Promise<boolean> => {
    const body = {
      ...({ lifecycle: 'ready', applied_ok: true, applied_epoch: appliedEpoch } as const),
      ...{ known_epoch: knownEpoch, wait_ms: waitMs, used: false },
    };
    try {
      const answer = await session.use((token) => controlPlane.heartbeat(token, body, signal));
      if (answer.session !== null) session.replace(answer.session);
      onHeard();
      knownEpoch = answer.epoch;
      return answer.owner !== null;
    } catch (error) {
      // It was claimed between two calls, and exchanges anew.
      if (!(error instanceof Unauthorized)) throw error;
      await kit.clock.sleep(kit.rng.next() * RETRY_MS, signal);
      return beat(appliedEpoch, waitMs);
    }
  };
  while (!(await beat(0, WAIT_MS)));
  await beat(0, TAKE_OVER_MS);
  await beat(knownEpoch, 0);
}
