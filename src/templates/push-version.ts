// A pushed archive becomes a version, with the job in which a daemon checks it. One transaction:
// either all of it is there or nothing.
import { createHash } from 'node:crypto';
import { checkArchive } from '../archive/check-archive.ts';
import { AppError } from '../base/app-error.ts';
import {
  createId,
  type JobId,
  type OrganizationId,
  type PoolId,
  type PresetId,
  type TemplateId,
  type UserId,
  type VersionId,
} from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { requireManifest } from '../contract/manifest/parse.ts';
import type { Manifest, ManifestPreset } from '../contract/manifest/schema.ts';
import type { Database } from '../store/database.ts';
import { insertFile } from '../store/file.ts';
import {
  insertPresets,
  insertVersion,
  nextVersionNumber,
  type NewPreset,
} from '../store/template-version.ts';
import { ensureLockedTemplate } from '../store/template.ts';

export interface PushRequest {
  readonly organizationId: OrganizationId;
  readonly template: string;
  readonly archive: Uint8Array;
  /** v1, v2, … when left out. */
  readonly versionName?: string | undefined;
  readonly message: string;
  readonly pushedBy: UserId;
}

export interface PushedVersion {
  readonly templateId: TemplateId;
  readonly name: string;
}

/**
 * Throws ARCHIVE_INVALID, ARCHIVE_TOO_LARGE, MANIFEST_INVALID with the list of what is wrong, and
 * NAME_TAKEN for a version name that the template has already.
 */
export async function pushVersion(
  { kit, database }: { readonly kit: Kit; readonly database: Database },
  request: PushRequest,
): Promise<PushedVersion> {
  const { organizationId, template, archive, pushedBy } = request;
  const { manifestText, files } = await checkArchive(archive);
  const manifest = requireManifest(manifestText, files);
  requireName(manifest, template);
  const hash = createHash('sha256').update(archive).digest();

  return database.transaction(async (tx) => {
    await insertFile(tx, { hash, bytes: archive, createdBy: pushedBy });
    const templateId = await ensureLockedTemplate(tx, {
      id: createId<TemplateId>(kit),
      organizationId,
      name: template,
    });
    const number = await nextVersionNumber(tx, templateId);
    const name = request.versionName ?? `v${number}`;
    const version = { id: createId<VersionId>(kit), templateId, organizationId };
    const jobId = createId<JobId>(kit);
    const inserted = await insertVersion(tx, {
      ...version,
      ...{ jobId, number, name, message: request.message, fileHash: hash, manifest },
      ...{ driver: manifest.driver, tags: manifest.tags, createdBy: pushedBy },
    });
    if (!inserted) {
      throw new AppError('NAME_TAKEN', `template "${template}" has a version "${name}" already`);
    }
    await insertPresets(
      tx,
      version,
      manifest.presets.map((preset) => presetRow(kit, preset)),
    );
    tx.notify({ kind: 'queue', organizationId, driver: manifest.driver }, { kind: 'job', jobId });
    return { templateId, name };
  });
}

function requireName(manifest: Manifest, template: string): void {
  if (manifest.name === template) return;
  throw new AppError('MANIFEST_INVALID', {
    detail: `standby.yaml names the template "${manifest.name}", but it was pushed as "${template}"`,
    hint: 'Push it under its own name, or correct `name` in standby.yaml.',
  });
}

function presetRow(kit: Kit, preset: ManifestPreset): NewPreset {
  const { prebuilds } = preset;
  return {
    id: createId<PresetId>(kit),
    poolId: createId<PoolId>(kit),
    name: preset.name,
    description: preset.description,
    isDefault: preset.default,
    desiredInstances: prebuilds?.instances ?? null,
    maxInstances: prebuilds?.max_instances ?? null,
    ttlSeconds: prebuilds?.ttl_seconds ?? null,
    timezone: prebuilds?.scheduling?.timezone ?? '',
    schedules: prebuilds?.scheduling?.schedules ?? [],
    claimOrder: prebuilds?.claim_order ?? 'oldest',
    parameters: preset.parameters,
  };
}
