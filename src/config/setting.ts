// What a setting is. The environment, a configuration file and a flag share one name: for
// STANDBY_HTTP_PORT the file has the same line and the flag is --http-port.
import { AppError } from '../base/app-error.ts';
import { formatBytes, parseBytes } from '../base/byte-size.ts';
import { parseDurationMs } from '../base/duration.ts';

/** Which programs read a setting. */
export type Audience = 'server' | 'daemon' | 'everyone';

export interface Setting<T> {
  readonly name: string;
  /** Servers, unless said. */
  readonly audience?: Audience;
  /** One line for the documentation and `--help`. */
  readonly summary: string;
  /** What stands for the value in `--help`, in capitals. */
  readonly value: string;
  /** As it would be written; null: no default. */
  readonly fallback: string | null;
  /** What may be written, in words. */
  readonly allowed: string;
  readonly parse: (text: string) => T | undefined;
  /** How a value that is refused is shown, where it may hold a secret. */
  readonly show?: (text: string) => string;
}

/** Where values come from, strongest first: flags, the environment, the file. */
export interface Sources {
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file: Readonly<Record<string, string | undefined>>;
}

/** The setting's value, or undefined when nobody gave one and it has no default. */
export function readSetting<T>(setting: Setting<T>, sources: Sources): T | undefined {
  const given =
    sources.flags[setting.name] ?? sources.environment[setting.name] ?? sources.file[setting.name];
  // An empty variable is how a shell or a compose file says "not set".
  const written = given === undefined || given === '' ? setting.fallback : given;
  if (written === null) return undefined;
  const value = setting.parse(written);
  if (value === undefined) {
    throw new AppError('CONFIG_INVALID', {
      detail: `${setting.name} is ${JSON.stringify(setting.show?.(written) ?? written)}; allowed is ${setting.allowed}`,
    });
  }
  return value;
}

/** The flag of a setting: STANDBY_HTTP_PORT → http-port, and STANDBY_PROVISIONER_KEY → key. */
export function flagOf(name: string): string {
  return name
    .replace(/^STANDBY_(PROVISIONER_)?/, '')
    .toLowerCase()
    .replaceAll('_', '-');
}

export function textSetting(
  spec: Spec & { readonly accepts?: (text: string) => boolean },
): Setting<string> {
  const { accepts = () => true } = spec;
  return {
    ...spec,
    value: spec.value ?? 'TEXT',
    allowed: spec.allowed ?? 'any text',
    parse: (text) => (accepts(text) ? text : undefined),
  };
}

/** An address of one of the schemes. */
export function urlSetting(
  spec: Spec & { readonly schemes: readonly string[]; readonly allowed: string },
): Setting<string> {
  return {
    ...spec,
    value: spec.value ?? 'URL',
    parse: (text) => {
      // With credentials and an empty host, as for a socket, it is one for PostgreSQL only.
      const complete = text.replace('@/', '@localhost/');
      const scheme = URL.canParse(complete) ? new URL(complete).protocol : '';
      return spec.schemes.includes(scheme) && text.includes('://') ? text : undefined;
    },
    show: (text) => text.replace(/\/\/.*@/, '//…@'),
  };
}

/** Names with commas between them, each of the form `entry`. */
export function listSetting(spec: Spec & { readonly entry?: RegExp }): Setting<readonly string[]> {
  const { entry = /./ } = spec;
  return {
    ...spec,
    value: spec.value ?? 'NAME,…',
    allowed: spec.allowed ?? 'names with commas between them',
    parse: (text) => {
      const names = text.split(',').map((name) => name.trim());
      return names.every((name) => entry.test(name)) ? names : undefined;
    },
  };
}

/** Pairs with commas between them; a key may stand there once. */
export function pairsSetting(spec: Spec): Setting<Readonly<Record<string, string>>> {
  return {
    ...spec,
    value: spec.value ?? 'KEY=VALUE,…',
    allowed: spec.allowed ?? 'key=value pairs with commas between them, each key once',
    parse: parsePairs,
  };
}

/** `a=1,b=2`; undefined for anything else, and when a key comes twice. */
export function parsePairs(text: string): Readonly<Record<string, string>> | undefined {
  const pairs = text.split(',').map((pair) => /^\s*([^=\s]+)=(.*?)\s*$/.exec(pair));
  const entries = pairs.flatMap((pair) => (pair === null ? [] : [[pair[1], pair[2]]]));
  const keys = new Set(entries.map(([key]) => key));
  return keys.size === pairs.length
    ? (Object.fromEntries(entries) as Record<string, string>)
    : undefined;
}

export function choiceSetting<const T extends string>(
  spec: Spec & { readonly choices: readonly T[] },
): Setting<T> {
  return {
    ...spec,
    value: spec.value ?? 'CHOICE',
    allowed: `one of ${spec.choices.join(', ')}`,
    parse: (text) => spec.choices.find((choice) => choice === text),
  };
}

export function integerSetting(
  spec: Spec & { readonly min: number; readonly max: number },
): Setting<number> {
  return {
    ...spec,
    value: spec.value ?? 'N',
    allowed: `a whole number from ${spec.min} to ${spec.max}`,
    parse: (text) => {
      if (!/^-?\d{1,12}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= spec.min && value <= spec.max ? value : undefined;
    },
  };
}

/** A duration in milliseconds, written as 500ms, 10s, 1m, 2h, 1d. */
export function durationSetting(
  spec: Spec & { readonly minMs?: number; readonly maxMs?: number },
): Setting<number> {
  const minMs = spec.minMs ?? 1;
  const maxMs = spec.maxMs ?? 366 * 86_400_000;
  return {
    ...spec,
    value: spec.value ?? 'DURATION',
    allowed: spec.allowed ?? `a duration such as 500ms, 10s, 1m, 2h or 1d`,
    parse: (text) => {
      const value = parseDurationMs(text);
      return value !== undefined && value >= minMs && value <= maxMs ? value : undefined;
    },
  };
}

/** A size in bytes, written as 512KiB, 4MiB, 1GiB. */
export function sizeSetting(
  spec: Spec & { readonly minBytes: number; readonly maxBytes: number },
): Setting<number> {
  const { minBytes, maxBytes } = spec;
  return {
    ...spec,
    value: spec.value ?? 'SIZE',
    allowed: `a size such as 512KiB or 4MiB, from ${formatBytes(minBytes)} to ${formatBytes(maxBytes)}`,
    parse: (text) => {
      const value = parseBytes(text);
      return value !== undefined && value >= minBytes && value <= maxBytes ? value : undefined;
    },
  };
}

interface Spec {
  readonly name: string;
  readonly audience?: Audience;
  readonly summary: string;
  readonly fallback: string | null;
  readonly allowed?: string;
  readonly value?: string;
}
