// The values that a module's variables get: parameters under their own names, and what Standby knows
// of the workspace under `standby_…`, each only where the module declares it.
import type { JobWorkspace } from '../../../../contract/provisioner/protocol.ts';
import type { ManifestParameter } from '../../../../contract/manifest/schema.ts';
import type { Build } from '../../../driver.ts';
import type { Module } from './module.ts';

export type Value = string | number | boolean;

type Workspace = JobWorkspace;

/** Every variable that Standby gives, by name. docs/terraform.md describes them. */
const STANDBY_VALUES: Readonly<Record<string, (workspace: Workspace) => Value>> = {
  standby_workspace_id: ({ id }) => id,
  standby_workspace_name: ({ name }) => name,
  standby_name: ({ name }) => name,
  standby_organization: ({ organization }) => organization,
  standby_owner: ({ owner }) => owner.username,
  standby_owner_email: ({ owner }) => owner.email ?? '',
  standby_transition: ({ transition }) => transition,
  standby_start_count: ({ transition }) => (transition === 'start' ? 1 : 0),
  standby_is_prebuild: ({ owner }) => owner.is_system,
  standby_is_claim: ({ stage }) => stage === 'claim',
  standby_agent_token: (workspace) => workspace.agent_token,
  standby_access_url: (workspace) => workspace.access_url,
};

export const STANDBY_VARIABLES: readonly string[] = Object.keys(STANDBY_VALUES);

/** Those whose values a claim changes. */
export const CLAIM_CHANGES: ReadonlySet<string> = new Set([
  ...['standby_owner', 'standby_owner_email', 'standby_name', 'standby_workspace_name'],
  ...['standby_is_prebuild', 'standby_is_claim'],
]);

export interface Values {
  readonly values: Readonly<Record<string, Value>>;
  /** What must not be told. */
  readonly secrets: readonly string[];
}

export function valuesFor(module: Module, { workspace, template }: Build): Values {
  const given = new Map<string, Value>();
  for (const parameter of template.manifest.parameters) {
    const text = workspace.parameters[parameter.name];
    if (text !== undefined) given.set(parameter.name, toValue(parameter, text));
  }
  for (const [name, valueOf] of Object.entries(STANDBY_VALUES)) given.set(name, valueOf(workspace));
  const declared = [...given].filter(([name]) => module.variables.has(name));
  const secret = declared.filter(([name]) => module.variables.get(name)?.secret === true);
  return {
    values: Object.fromEntries(declared),
    secrets: [workspace.agent_token, ...secret.map(([, value]) => String(value))],
  };
}

export function toValue({ type }: ManifestParameter, text: string): Value {
  if (type === 'bool') return text === 'true';
  return type === 'number' ? Number(text) : text;
}
