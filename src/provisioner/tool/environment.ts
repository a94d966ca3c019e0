// What a program that works for a job gets of the daemon's environment: what is listed, and nothing
// else. The daemon's own settings, its key among them, are never handed on, whatever is listed.

export type Environment = Readonly<Record<string, string | undefined>>;

/** What programs need to find others and to speak the operator's language. */
export const COMMON_VARIABLES: readonly string[] = [
  ...['PATH', 'LANG', 'LC_ALL', 'TZ', 'USER', 'LOGNAME', 'SHELL'],
];

/** The listed variables that are set; `AWS_*` lists all that begin so. */
export function inheritEnvironment(
  environment: Environment,
  listed: readonly string[],
): Record<string, string> {
  const inherited = Object.entries(environment).flatMap(([name, value]): [string, string][] =>
    value === undefined || name.startsWith('STANDBY_') || !isListed(name, listed)
      ? []
      : [[name, value]],
  );
  return Object.fromEntries(inherited);
}

function isListed(name: string, listed: readonly string[]): boolean {
  return listed.some((entry) =>
    entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry,
  );
}
