// The agent as its environment describes it: what dist/agent.mjs and `standby agent` run.
import path from 'node:path';
import { systemClock } from '../base/clock.ts';
import { createKit } from '../base/kit.ts';
import { activityFile } from './activity.ts';
import { runAgent } from './agent.ts';
import { createControlPlane } from './control-plane.ts';
import { createLineLog } from './line-log.ts';
import { ownerFolder } from './owner-folder.ts';
import { readAgentSettings } from './settings.ts';

export interface AgentProcess {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The Node.js that runs this: scripts find it too. */
  readonly execPath: string;
  readonly writeLog: (line: string) => void;
}

/** Runs until the signal is aborted. Throws CONFIG_INVALID naming the variable that is missing. */
export async function runAgentProcess(
  { environment: given, execPath, writeLog }: AgentProcess,
  signal: AbortSignal,
): Promise<void> {
  const kit = createKit(createLineLog(systemClock, writeLog));
  const settings = readAgentSettings(given);
  // The token is the agent's alone.
  const { STANDBY_AGENT_TOKEN: _token, STANDBY_AGENT_TOKEN_FILE: _file, ...rest } = given;
  const nodeDir = path.dirname(execPath);
  const environment = {
    ...rest,
    PATH: `${rest['PATH'] ?? '/usr/bin:/bin'}:${nodeDir}`,
    STANDBY_OWNER_DIR: ownerFolder(settings.stateDir),
    STANDBY_ACTIVITY_FILE: activityFile(settings.stateDir),
  };
  const controlPlane = createControlPlane(settings);
  try {
    await runAgent(kit, { settings, controlPlane, environment }, signal);
  } catch (error) {
    if (signal.aborted) return;
    kit.log.error('agent.ended', { error });
    throw error;
  }
}
