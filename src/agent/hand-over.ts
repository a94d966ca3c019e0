// Hands the workspace to each owner once: runs on_claim, and remembers that it has.
import path from 'node:path';
import type { Kit } from '../base/kit.ts';
import type { AgentHeartbeatAnswer, AgentManifest } from '../contract/agent/protocol.ts';
import { readHandedOver, writeHandedOver, type HandedOver } from './handed-over.ts';
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
      const isNew = answer.owner !== null && answer.epoch > done.epoch;
      if (isNew) {
        const result = await runOnClaim(kit, deps, answer);
        deps.signal.throwIfAborted();
        done = { epoch: answer.epoch, ok: result.kind === 'ok' };
        kit.log.info('agent.handed_over', { epoch: answer.epoch, result });
      }
      await store();
      return isNew;
    },
  };
}

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
