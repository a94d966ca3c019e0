// Which values of a job are secret, as its template says.
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';

export function listSecretParameters({ template, workspace }: AcquiredJob): readonly string[] {
  if (workspace === null) return [];
  return template.manifest.parameters.flatMap(({ name, sensitive }) => {
    const value = sensitive ? workspace.parameters[name] : undefined;
    return value === undefined ? [] : [value];
  });
}
