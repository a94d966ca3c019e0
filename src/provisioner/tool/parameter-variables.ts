// Parameters as variables of a workspace's environment. They are values there and never part of a
// command: nothing in them is code.

export function parameterVariables(
  parameters: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      `STANDBY_PARAMETER_${name.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`,
      value.replaceAll('\0', ''),
    ]),
  );
}
