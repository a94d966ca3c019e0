// The agent: brings the workspace up, shows signs of life, and hands the workspace to each owner once.
//
// Three things go on at once. The heart beats: a request that waits at the server and ends at once
// when the owner changes there or the state changes here. The startup script runs. And as soon as it
// has ended, every owner that the heart hears of is handed the workspace by the on_claim script.
import path from 'node:path';
import { OVER } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import type { AgentLifecycle, AgentManifest } from '../contract/agent/protocol.ts';
import { takeActivity } from './activity.ts';
import { Gone, type ControlPlane } from './control-plane.ts';
import { createHandOver } from './hand-over.ts';
import { runScript, type ScriptResult } from './script.ts';
import { createSession } from './session.ts';
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
/** An answer without news that came sooner than this, although it might have waited. */
const HASTY_MS = 50;

/** Runs until the signal is aborted, and rejects with its reason. */
export async function runAgent(kit: Kit, deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { settings, controlPlane, environment } = deps;
  const session = createSession(controlPlane, signal);
  const manifest = await persistently(kit, signal, () =>
    session.use((token) => controlPlane.manifest(token, signal)),
  );
  const handOver = await createHandOver(kit, {
    ...{ settings, manifest, environment, signal },
    fetchValues: () =>
      persistently(kit, signal, () =>
        session
          .use((token) => controlPlane.values(token, signal))
          .catch((error: unknown) => {
            if (error instanceof Gone) return null;
            throw error;
          }),
      ),
  });
  let lifecycle: AgentLifecycle = 'starting';
  // Before any claim there is no owner to be told of, so the first call waits for one.
  let knownEpoch = 0;
  let used = false;
  let changed = new AbortController();

  const startUp = async (): Promise<void> => {
    const result = await runStartup(kit, deps, { manifest, signal });
    signal.throwIfAborted();
    kit.log.info('agent.started', { result });
    lifecycle = LIFECYCLE_AFTER[result.kind];
    changed.abort(OVER);
  };
  // One thing after the other; what one of them throws is logged and holds up none of the next.
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): void => {
    turn = turn.then(work).catch((error: unknown) => {
      if (!signal.aborted) kit.log.error('agent.failed', { error });
    });
  };
  const said = (): AgentLifecycle =>
    lifecycle === 'ready' && !handOver.done.ok ? 'start_error' : lifecycle;

  /** Gives whether there was anything new. */
  const beat = async (): Promise<boolean> => {
    changed = new AbortController();
    const ended = AbortSignal.any([signal, changed.signal]);
    if (await takeActivity(settings.stateDir)) used = true;
    const answer = await session.use((token) => {
      const body = {
        lifecycle: said(),
        applied_epoch: handOver.done.epoch,
        applied_ok: handOver.done.ok,
        known_epoch: knownEpoch,
        wait_ms: manifest.heartbeat_interval_ms,
        used,
      };
      return controlPlane.heartbeat(token, body, ended);
    });
    used = false;
    if (answer.session !== null) session.replace(answer.session);
    inTurn(async () => {
      if (await handOver.take(answer)) changed.abort(OVER);
    });
    const isNews = answer.epoch > knownEpoch;
    knownEpoch = answer.epoch;
    return isNews;
  };

  inTurn(startUp);
  const hastyMs = Math.min(HASTY_MS, manifest.heartbeat_interval_ms / 2);
  for (let failures = 0; ;) {
    const askedMs = kit.clock.monotonicMs();
    try {
      const isNews = await beat();
      if (isNews || kit.clock.monotonicMs() - askedMs >= hastyMs) {
        failures = 0;
        continue;
      }
    } catch (error) {
      if (changed.signal.aborted) continue; // there is news to tell at once
      signal.throwIfAborted();
      kit.log.warn('agent.heartbeat_failed', { error });
    }
    await pause(kit, signal, failures++);
  }
}

const LIFECYCLE_AFTER = {
  ok: 'ready',
  failed: 'start_error',
  timeout: 'start_timeout',
} as const satisfies Record<ScriptResult['kind'], AgentLifecycle>;

function runStartup(
  kit: Kit,
  { settings, environment }: AgentDeps,
  { manifest, signal }: { readonly manifest: AgentManifest; readonly signal: AbortSignal },
): Promise<ScriptResult> {
  if (manifest.startup === null) return Promise.resolve({ kind: 'ok' });
  return runScript(kit.clock, {
    script: manifest.startup,
    scriptDir: settings.scriptDir,
    logFile: path.join(settings.stateDir, 'startup.log'),
    environment,
    timeoutMs: manifest.startup_timeout_ms,
    signal,
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
