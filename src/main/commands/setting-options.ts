// The settings as options: each program that serves takes the flags of the settings it reads.
import type { TextOption } from '../../cli/command.ts';
import { loadConfig, type Config } from '../../config/config.ts';
import { flagOf, type Audience } from '../../config/setting.ts';
import { SETTINGS } from '../../config/settings.ts';

type SettingKey = keyof typeof SETTINGS;
type Options = Readonly<Record<string, TextOption>>;

const KEYS = Object.keys(SETTINGS) as SettingKey[];

export const ALL_OPTIONS = optionsOf(KEYS);
export const SERVER_OPTIONS = optionsOf(keysFor('server'));
export const DAEMON_OPTIONS = optionsOf(keysFor('daemon'));
export const DATABASE_OPTIONS = optionsOf([
  ...keysFor('everyone'),
  'databaseUrl',
  'postgresBinDir',
]);
export const DATA_DIR_OPTION = optionsOf(['dataDir']);

/** The configuration, with the flags that were given. Throws CONFIG_INVALID. */
export function configOf(
  environment: Readonly<Record<string, string | undefined>>,
  values: Readonly<Record<string, string | undefined>>,
): Config {
  const flags = Object.values(SETTINGS).map(({ name }) => [name, values[optionKey(name)]] as const);
  return loadConfig(environment, Object.fromEntries(flags));
}

function keysFor(program: Audience): readonly SettingKey[] {
  return KEYS.filter((key) => ['everyone', program].includes(audienceOf(SETTINGS[key])));
}

function audienceOf({ audience = 'server' }: { readonly audience?: Audience }): Audience {
  return audience;
}

function optionsOf(keys: readonly SettingKey[]): Options {
  return Object.fromEntries(
    keys.map((key) => {
      const { name, value, summary, fallback } = SETTINGS[key];
      const withDefault = fallback === null ? summary : `${summary} (default ${fallback})`;
      return [optionKey(name), { kind: 'text', value, summary: withDefault }];
    }),
  );
}

/** STANDBY_HTTP_PORT → httpPort. */
function optionKey(name: string): string {
  return flagOf(name).replace(/-./g, (dashed) => dashed.slice(1).toUpperCase());
}
