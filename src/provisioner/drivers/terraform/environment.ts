// The environment of Terraform, its providers and what they run: what everybody gets, what the
// operator lists for them, and what makes a build the same whoever runs the daemon.
import { ATTEMPT_MARK } from '../../driver.ts';
import { COMMON_VARIABLES, inheritEnvironment, type Environment } from '../../tool/environment.ts';

export interface EnvironmentOptions {
  /** Of the daemon. */
  readonly daemon: Environment;
  /** What the operator hands on; `AWS_*` is all that begins so. */
  readonly listed: readonly string[];
  readonly cliConfigFile: string;
  /** The attempt's folder. */
  readonly folder: string;
}

/** These would change what the driver asks for, or write secrets to the log. */
const REFUSED = /^TF_(CLI_ARGS|DATA_DIR$|WORKSPACE$|LOG|PLUGIN_CACHE)/;

export function environmentFor(options: EnvironmentOptions): Readonly<Record<string, string>> {
  const listed = [...COMMON_VARIABLES, 'HOME', 'TMPDIR', ...options.listed];
  const inherited = Object.entries(inheritEnvironment(options.daemon, listed)).filter(
    ([name]) => !REFUSED.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    TF_CLI_CONFIG_FILE: options.cliConfigFile,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    [ATTEMPT_MARK]: options.folder,
  };
}

/** Values of variables whose names say that they are secret. */
export function listCredentials(environment: Environment): readonly string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && /KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL/i.test(name) ? [value] : [],
  );
}
