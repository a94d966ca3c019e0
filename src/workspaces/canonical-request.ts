// What an idempotency key stands for: a request in one form, however it was written.
import type { OwnerValues } from '../domain/workspace/owner-values.ts';
import type { WorkspaceRequest } from './request.ts';

/** Everything that was asked for, whatever order its parts were written in. */
export function canonicalForm(request: WorkspaceRequest): string {
  const { organization, template, name, preset, onEmpty, priority } = request;
  const parameters = inOrder(request.parameters);
  const asked: unknown[] = [organization, template, name, preset ?? null, parameters, onEmpty];
  // What came with a key before there was anything to wait for is the same request still.
  if (onEmpty === 'wait') asked.push(priority, request.waitTimeoutSeconds);
  else if (priority !== 0) asked.push(priority);
  // Named, so that nothing else that is a number is taken for it.
  if (request.ttlSeconds !== undefined) asked.push({ ttl: request.ttlSeconds });
  if (request.autostart !== undefined) asked.push({ autostart: request.autostart });
  if (request.automaticUpdates !== undefined) asked.push({ updates: request.automaticUpdates });
  if (request.values !== undefined) asked.push(canonicalValues(request.values));
  return JSON.stringify(asked);
}

function canonicalValues({ environment, secrets, files }: OwnerValues): unknown {
  const byPath = files.map(({ path, ...file }) => [path, file.mode, file.base64] as const);
  return [inOrder(environment), inOrder(secrets), byPath.sort(byName)];
}

function inOrder(values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).sort(byName);
}

function byName(
  [a]: readonly [string, ...unknown[]],
  [b]: readonly [string, ...unknown[]],
): number {
  return a < b ? -1 : 1;
}
