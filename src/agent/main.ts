// The entry of dist/agent.mjs, the program that runs inside a workspace.
import path from 'node:path';
import { systemClock } from '../base/clock.ts';
import { systemRng } from '../base/random.ts';
import { StopCause } from '../base/service.ts';
import { runAgent } from './agent.ts';
import { createControlPlane } from './control-plane.ts';
import { createLineLog } from './line-log.ts';
import { readAgentSettings } from './settings.ts';

const log = createLineLog(systemClock, (line) => process.stderr.write(line));
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => stop.abort(new StopCause(signal)));
}

try {
  const settings = readAgentSettings(process.env);
  // The token is the agent's alone; and scripts find the Node.js that the agent itself runs on.
  const { STANDBY_AGENT_TOKEN: _token, STANDBY_AGENT_TOKEN_FILE: _file, ...rest } = process.env;
  const nodeDir = path.dirname(process.execPath);
  const environment = { ...rest, PATH: `${rest['PATH'] ?? '/usr/bin:/bin'}:${nodeDir}` };
  const kit = { clock: systemClock, rng: systemRng, log };
  await runAgent(
    kit,
    { settings, controlPlane: createControlPlane(settings), environment },
    stop.signal,
  );
} catch (error) {
  if (!stop.signal.aborted) {
    log.error('agent.ended', { error });
    process.exitCode = 1;
  }
}
