// Where Standby keeps its data on this machine, and where a person's logins are kept.
import os from 'node:os';
import path from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** STANDBY_DATA_DIR; else /var/lib/standby as root, and the user's data home otherwise. */
export function dataDir(environment: Environment, given?: string): string {
  const chosen = given ?? nonEmpty(environment['STANDBY_DATA_DIR']);
  if (chosen !== undefined) return path.resolve(chosen);
  if (process.getuid?.() === 0) return '/var/lib/standby';
  const dataHome = nonEmpty(environment['XDG_DATA_HOME']);
  return path.join(dataHome ?? path.join(os.homedir(), '.local', 'share'), 'standby');
}

/** The folder of a person's logins: the user's configuration home. */
export function configDir(environment: Environment): string {
  const configHome = nonEmpty(environment['XDG_CONFIG_HOME']);
  return path.join(configHome ?? path.join(os.homedir(), '.config'), 'standby');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
