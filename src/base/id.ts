// Identifiers: UUIDv7 on the wire and in the database, branded per entity in TypeScript.
import type { Brand } from './brand.ts';
import type { Clock } from './clock.ts';
import type { Rng } from './random.ts';

export type OrganizationId = Brand<string, 'OrganizationId'>;
export type GroupId = Brand<string, 'GroupId'>;
export type UserId = Brand<string, 'UserId'>;
export type TokenId = Brand<string, 'TokenId'>;
export type TemplateId = Brand<string, 'TemplateId'>;
export type VersionId = Brand<string, 'VersionId'>;
export type PresetId = Brand<string, 'PresetId'>;
export type PoolId = Brand<string, 'PoolId'>;
export type WorkspaceId = Brand<string, 'WorkspaceId'>;
export type WaiterId = Brand<string, 'WaiterId'>;
export type BuildId = Brand<string, 'BuildId'>;
export type JobId = Brand<string, 'JobId'>;
export type DaemonId = Brand<string, 'DaemonId'>;
/** What a daemon calls one of its calls for work by. */
export type RegistrationId = Brand<string, 'RegistrationId'>;
export type AcquireCallId = Brand<string, 'AcquireCallId'>;
export type ProvisionerKeyId = Brand<string, 'ProvisionerKeyId'>;
export type DataKeyId = Brand<string, 'DataKeyId'>;
export type StrayStateId = Brand<string, 'StrayStateId'>;
export type SecretParametersId = Brand<string, 'SecretParametersId'>;
export type AgentId = Brand<string, 'AgentId'>;
export type AnnouncementId = Brand<string, 'AnnouncementId'>;
export type AgentSessionId = Brand<string, 'AgentSessionId'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the canonical lower-case text form of any UUID version. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** A new time-ordered id (RFC 9562 version 7). */
export function createId<Id extends string>(kit: {
  readonly clock: Pick<Clock, 'now'>;
  readonly rng: Pick<Rng, 'bytes'>;
}): Id {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(kit.clock.now(), 0, 6);
  bytes.set(kit.rng.bytes(10), 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as Id;
}
