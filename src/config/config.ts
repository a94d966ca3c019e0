// The only reader of the environment: settings in, one checked record out.
import { readFileSync } from 'node:fs';
import { AppError } from '../base/app-error.ts';
import { readSetting, type Setting, type Sources } from './setting.ts';
import { SETTINGS } from './settings.ts';

type ValueOf<S> = S extends Setting<infer T> ? T : never;

// Settings whose default is null may stay undefined; all others always have a value.
type OptionalKey =
  | 'dataDir'
  | 'accessUrl'
  | 'databaseUrl'
  | 'postgresBinDir'
  | 'secretKeyFile'
  | 'metricsTokenFile'
  | 'provisionerName'
  | 'provisionerKey'
  | 'provisionerKeyFile'
  | 'provisionerTags'
  | 'provisionerDrivers'
  | 'provisionerEnvironment'
  | 'terraformBin'
  | 'terraformCliConfigFile'
  | 'dockerTlsDir'
  | 'dockerNetworks'
  | 'failpoints';

export type Config = {
  readonly [K in keyof typeof SETTINGS]: K extends OptionalKey
    ? ValueOf<(typeof SETTINGS)[K]> | undefined
    : ValueOf<(typeof SETTINGS)[K]>;
};

/**
 * All settings from flags (by the setting's name), the environment, and the file that
 * STANDBY_CONFIG_FILE names. Throws CONFIG_INVALID naming setting, value and what is allowed.
 */
export function loadConfig(
  environment: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): Config {
  const file = readFile(environment['STANDBY_CONFIG_FILE']);
  const sources: Sources = { flags, environment, file };
  const entries = Object.entries(SETTINGS).map(([key, setting]) => [
    key,
    readSetting(setting as Setting<unknown>, sources),
  ]);
  return Object.fromEntries(entries) as Config;
}

/** Lines of NAME=value; empty lines and lines that start with # are skipped. */
function readFile(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined || path === '') return {};
  const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.name));
  const values: Record<string, string> = {};
  for (const [index, line] of readText(path).split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const name = line.slice(0, at).trim();
    if (at < 0 || !known.has(name)) {
      throw new AppError('CONFIG_INVALID', {
        detail: `${path}:${index + 1}: ${JSON.stringify(line)} is not NAME=value with the name of a setting`,
      });
    }
    values[name] = line.slice(at + 1).trim();
  }
  return values;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const detail = `STANDBY_CONFIG_FILE is ${JSON.stringify(path)}, which cannot be read: ${(error as Error).message}`;
    throw new AppError('CONFIG_INVALID', { detail }, { cause: error });
  }
}
