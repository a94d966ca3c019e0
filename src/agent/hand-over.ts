// Hands the workspace to each owner once: runs on_claim, and remembers that it has.
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import type {
  AgentHeartbeatAnswer,
  AgentManifest,
  AgentValues,
} from '../contract/agent/protocol.ts';
import { readHandedOver, writeHandedOver, type HandedOver } from './handed-over.ts';
import { replaceOwnerFolder } from './owner-folder.ts';
import { runScript, type ScriptResult } from './script.ts';
import type { AgentSettings } from './settings.ts';

export interface HandOver {
  readonly done: HandedOver;
  /** Gives whether the answer's owner was new. Asked again, it only makes up for what was not stored. */
  take(answer: AgentHeartbeatAnswer): Promise<boolean>;
}

export interface HandOverDeps {
  readonly settings: AgentSettings;
  readonly manifest: AgentManifest;
  /** What scripts get, besides what is said about the owner. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the present owner gave; null when it is gone. Rejects only when the signal is aborted. */
  fetchValues(): Promise<AgentValues | null>;
  readonly signal: AbortSignal;
}

export async function createHandOver(kit: Kit, deps: HandOverDeps): Promise<HandOver> {
  const { stateDir } = deps.settings;
  let done = await readHandedOver(stateDir);
  let stored = done;

  // A full disk must not make the owner wait, nor have the script run again: it is stored later.
  const store = async (): Promise<void> => {
    if (stored === done) return;
    const storing = done;
    try {
      await writeHandedOver(stateDir, storing);
      stored = storing;
    } catch (error) {
      kit.log.error('agent.hand_over_not_stored', { epoch: storing.epoch, error });
    }
  };

  return {
    get done() {
      return done;
    },
    take: async (answer) => {
      // This workspace's agent has done so before, and what it remembered is lost.
      const told = { epoch: answer.applied_epoch, ok: answer.applied_ok };
      if (told.epoch > done.epoch) done = told;
      const isNew = answer.owner !== null && answer.epoch > done.epoch;
      if (isNew) {
        const result = await handOver(kit, deps, answer);
        if (result === 'outdated') return false;
        deps.signal.throwIfAborted();
        done = { epoch: answer.epoch, ok: result.kind === 'ok' };
        kit.log.info('agent.handed_over', { epoch: answer.epoch, result });
      }
      await store();
      return isNew;
    },
  };
}

/** Outdated: there is another owner by now, whom the next answer tells of. */
async function handOver(
  kit: Kit,
  deps: HandOverDeps,
  answer: AgentHeartbeatAnswer,
): Promise<ScriptResult | 'outdated'> {
  if (answer.values === 'expired') return NOT_THERE;
  const values = answer.values === 'given' ? await deps.fetchValues() : undefined;
  if (values === null) return NOT_THERE;
  if (values !== undefined && values.epoch !== answer.epoch) return 'outdated';
  try {
    await replaceOwnerFolder(deps.settings.stateDir, values ?? null);
  } catch (error) {
    return { kind: 'failed', because: `what the owner gave was not written: ${codeOf(error)}` };
  }
  return runOnClaim(kit, deps, answer);
}

const NOT_THERE: ScriptResult = {
  kind: 'failed',
  because: 'what the owner gave is gone: it was not fetched in time',
};

/** Without the path, which the owner chose. */
function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'a path that is not allowed';
}

/** What the owner gave is for the script to take, and never its environment: it may have more rights than the owner. */
function runOnClaim(
  kit: Kit,
  { settings, manifest, environment, signal }: HandOverDeps,
  { owner, epoch }: AgentHeartbeatAnswer,
): Promise<ScriptResult> {
  if (manifest.on_claim === null) return Promise.resolve({ kind: 'ok' });
  return runScript(kit.clock, {
    script: manifest.on_claim,
    scriptDir: settings.scriptDir,
    logFile: path.join(settings.stateDir, 'on-claim.log'),
    environment: {
      ...environment,
      STANDBY_OWNER: owner?.username,
      STANDBY_OWNER_NAME: owner?.display_name,
      STANDBY_OWNER_ID: owner?.id,
      STANDBY_EPOCH: String(epoch),
    },
    timeoutMs: manifest.on_claim_timeout_ms,
    signal,
  });
}
