// The agent: brings the workspace up, shows signs of life, and hands the workspace to each owner once.
//
// Three things go on at once. The heart beats: a request that waits at the server and ends at once
// when the owner changes there or the state changes here. The startup script runs. And as soon as it
// has ended, every owner that the heart hears of is handed the workspace by the on_claim script.
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import type {
  AgentHeartbeatAnswer,
  AgentLifecycle,
  AgentManifest,
} from '../contract/agent/protocol.ts';
import { Unauthorized, type ControlPlane } from './control-plane.ts';
import { readHandedOver, writeHandedOver } from './handed-over.ts';
import { runScript, type ScriptResult } from './script.ts';
import type { AgentSettings } from './settings.ts';

export interface AgentDeps {
  readonly settings: AgentSettings;
  readonly controlPlane: ControlPlane;
  /** What scripts get, besides what is said about the owner. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const FIRST_RETRY_MS = 200;
// A workspace should be reachable again soon after its control plane is.
const LAST_RETRY_MS = 5_000;

/** Runs until the signal is aborted, and rejects with its reason. */
export async function runAgent(kit: Kit, deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { settings, controlPlane } = deps;
  let session = await persistently(kit, signal, async () => {
    const { session } = await controlPlane.exchange(signal);
    return session;
  });
  const manifest = await persistently(kit, signal, () => controlPlane.manifest(session, signal));

  let handedOver = await readHandedOver(settings.stateDir);
  let lifecycle: AgentLifecycle = 'starting';
  let told: AgentHeartbeatAnswer | undefined;
  let changed = new AbortController();
  let handOver: Promise<void> = Promise.resolve();

  const tell = (): void => {
    changed.abort();
  };

  const takeOver = async (answer: AgentHeartbeatAnswer): Promise<void> => {
    if (answer.owner === null || answer.epoch <= handedOver.epoch) return;
    const result = await runOnClaim(kit, deps, { manifest, answer, signal });
    signal.throwIfAborted();
    handedOver = { epoch: answer.epoch, ok: result.kind === 'ok' };
    await writeHandedOver(settings.stateDir, handedOver);
    if (lifecycle === 'ready' && !handedOver.ok) lifecycle = 'start_error';
    kit.log.info('agent.handed_over', { epoch: answer.epoch, result });
    tell();
  };

  const startUp = async (): Promise<void> => {
    const result = await runStartup(kit, deps, { manifest, signal });
    signal.throwIfAborted();
    kit.log.info('agent.started', { result });
    lifecycle =
      result.kind === 'ok' && !handedOver.ok ? 'start_error' : LIFECYCLE_AFTER[result.kind];
    tell();
  };

  const beat = async (): Promise<void> => {
    const said = { lifecycle, applied_epoch: handedOver.epoch };
    const known = told?.epoch ?? -1;
    changed = new AbortController();
    const ended = AbortSignal.any([signal, changed.signal]);
    const wait_ms = manifest.heartbeat_interval_ms;
    const body = { ...said, known_epoch: known, wait_ms };
    told = await controlPlane.heartbeat(session, body, ended);
    session = told.session ?? session;
    const answer = told;
    handOver = handOver.then(() => takeOver(answer));
    reportFault(kit, handOver);
  };

  handOver = startUp();
  reportFault(kit, handOver);
  let failures = 0;
  for (;;) {
    try {
      await beat();
      failures = 0;
    } catch (error) {
      if (changed.signal.aborted) continue; // there is news to tell at once
      signal.throwIfAborted();
      kit.log.warn('agent.heartbeat_failed', { error });
      await pause(kit, signal, failures++);
      if (error instanceof Unauthorized) {
        const exchanged = await persistently(kit, signal, () => controlPlane.exchange(signal));
        session = exchanged.session;
      }
    }
  }
}

const LIFECYCLE_AFTER = {
  ok: 'ready',
  failed: 'start_error',
  timeout: 'start_timeout',
} as const satisfies Record<ScriptResult['kind'], AgentLifecycle>;

function runStartup(
  kit: Kit,
  deps: AgentDeps,
  { manifest, signal }: { readonly manifest: AgentManifest; readonly signal: AbortSignal },
): Promise<ScriptResult> {
  if (manifest.startup === null) return Promise.resolve({ kind: 'ok' });
  return runScript(kit.clock, {
    script: manifest.startup,
    scriptDir: deps.settings.scriptDir,
    logFile: path.join(deps.settings.stateDir, 'startup.log'),
    environment: deps.environment,
    timeoutMs: manifest.startup_timeout_ms,
    signal,
  });
}

function runOnClaim(
  kit: Kit,
  deps: AgentDeps,
  claim: {
    readonly manifest: AgentManifest;
    readonly answer: AgentHeartbeatAnswer;
    readonly signal: AbortSignal;
  },
): Promise<ScriptResult> {
  const { manifest, answer } = claim;
  if (manifest.on_claim === null) return Promise.resolve({ kind: 'ok' });
  return runScript(kit.clock, {
    script: manifest.on_claim,
    scriptDir: deps.settings.scriptDir,
    logFile: path.join(deps.settings.stateDir, 'on-claim.log'),
    environment: {
      ...deps.environment,
      STANDBY_OWNER: answer.owner?.username,
      STANDBY_OWNER_NAME: answer.owner?.display_name,
      STANDBY_OWNER_ID: answer.owner?.id,
      STANDBY_EPOCH: String(answer.epoch),
    },
    timeoutMs: manifest.on_claim_timeout_ms,
    signal: claim.signal,
  });
}

/** Tries again, ever more slowly, until it works or the signal is aborted. */
async function persistently<T>(kit: Kit, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      kit.log.warn('agent.call_failed', { error });
      await pause(kit, signal, failures);
    }
  }
}

// Full jitter: after a restart of the control plane its agents must not all come back at once.
function pause(kit: Kit, signal: AbortSignal, failures: number): Promise<void> {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS);
  return kit.clock.sleep(longest * (0.1 + 0.9 * kit.rng.next()), signal);
}

function reportFault(kit: Kit, work: Promise<void>): void {
  work.catch((error: unknown) => {
    if (!(error instanceof Error && error.name === 'StopCause')) {
      kit.log.error('agent.failed', { error });
    }
  });
}
