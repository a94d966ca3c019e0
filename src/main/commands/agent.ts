// `standby agent`: the agent of a workspace whose image has the whole program.
import { runAgentProcess } from '../../agent/run.ts';
import { defineCommand } from '../../cli/command.ts';

export const command = defineCommand({
  name: 'agent',
  summary: 'Run the agent of a workspace',
  description:
    'Brings the workspace up, shows signs of life and hands it to each owner once. Whoever builds the ' +
    'workspace starts it there and sets its environment: STANDBY_URL, STANDBY_AGENT_TOKEN, ' +
    'STANDBY_AGENT_NAME and STANDBY_AGENT_SCRIPT_DIR (docs/configuration.md). dist/agent.mjs is the ' +
    'same program in one file.',
  arguments: {},
  options: {},
  run: async (context) => {
    const { environment, io } = context;
    const writeLog = (line: string): void => io.err(line);
    await runAgentProcess(
      { environment, execPath: process.execPath, writeLog },
      context.interrupt(),
    );
    return 0;
  },
});
