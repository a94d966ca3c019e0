// Templates and versions as they go over the wire.
import { formatInstant } from '../../base/clock.ts';
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { TemplateView, VersionView } from '../../contract/template/schema.ts';
import type { JobRow } from '../../store/job-view.ts';
import type { VersionRow } from '../../store/template-version.ts';
import type { TemplateRow } from '../../store/template.ts';
import { viewJob } from '../job/view.ts';
import { toRehearsalView } from '../rehearsal/view.ts';

export function toTemplateView(row: TemplateRow): TemplateView {
  return {
    id: row.id,
    organization: row.organization,
    name: row.name,
    driver: row.driver,
    active_version: row.activeVersion,
    deprecated: row.deprecated,
    presets: [...row.presets],
    created_at: formatInstant(row.createdAt),
    updated_at: formatInstant(row.updatedAt),
  };
}

export function toVersionView(row: VersionRow, importJob: JobRow): VersionView {
  return {
    id: row.id,
    template: row.template,
    name: row.name,
    number: row.number,
    message: row.message,
    file_hash: row.fileHash,
    active: row.active,
    created_by: row.createdBy,
    created_at: formatInstant(row.createdAt),
    import_job: viewJob(importJob),
    manifest: row.manifest as Manifest,
    rehearsals: row.rehearsals.map(toRehearsalView),
  };
}
