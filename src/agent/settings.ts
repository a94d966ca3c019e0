// What an agent needs to know before it can ask anybody: told by its environment, which whoever
// starts it (a driver, a template) has to set.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '../base/app-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface AgentSettings {
  /** The name of the agent in the template's manifest. */
  readonly agent: string;
  /** Where scripts are found and run. */
  readonly scriptDir: string;
  /** Private to the agent: what it has to remember over a restart, and its scripts' output. */
  readonly stateDir: string;
  /** The address of the control plane; read again at every connection, because it may move. */
  readonly url: () => string;
  /** The workspace's bootstrap token. */
  readonly bootstrapToken: () => string;
}

/** Throws CONFIG_INVALID naming the variable that is missing. */
export function readAgentSettings(environment: Environment): AgentSettings {
  const scriptDir = required(environment, 'STANDBY_AGENT_SCRIPT_DIR');
  return {
    agent: required(environment, 'STANDBY_AGENT_NAME'),
    scriptDir,
    stateDir: environment['STANDBY_AGENT_STATE_DIR'] ?? path.join(scriptDir, '.standby-agent'),
    url: textOrFile(environment, 'STANDBY_URL'),
    bootstrapToken: textOrFile(environment, 'STANDBY_AGENT_TOKEN'),
  };
}

/** NAME, or the contents of the file that NAME_FILE names. */
function textOrFile(environment: Environment, name: string): () => string {
  const file = environment[`${name}_FILE`];
  if (file !== undefined && file !== '') return () => readFileSync(file, 'utf8').trim();
  const text = required(environment, name);
  return () => text;
}

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw new AppError('CONFIG_INVALID', {
    detail: `${name} is not set`,
    hint: 'Whoever starts an agent sets it; docs/configuration.md says to what.',
  });
}
