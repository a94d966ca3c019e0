// The entry of dist/agent.mjs, the program that runs inside a workspace.
import { StopCause } from '../base/service.ts';
import { runAgentProcess } from './run.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => stop.abort(new StopCause(signal)));
}

try {
  await runAgentProcess(
    {
      environment: process.env,
      execPath: process.execPath,
      writeLog: (line) => process.stderr.write(line),
    },
    stop.signal,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
