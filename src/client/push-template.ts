// Pushing a template and, once a daemon has checked it, making it the active version.
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { LogEntryView } from '../contract/job/schema.ts';
import { templateRoutes } from '../contract/template/route.ts';
import type { VersionView } from '../contract/template/schema.ts';
import type { Client } from './client.ts';
import { readJobLog } from './job-log.ts';

export interface PushedTemplate {
  readonly organization: string;
  /** The name in its manifest. */
  readonly template: string;
  readonly archive: Uint8Array;
  readonly versionName?: string;
  readonly message?: string;
}

export interface PushOptions {
  readonly signal: AbortSignal;
  /** Lines of the import's log, as they come. */
  onLog?(entry: LogEntryView): void;
}

/** Pushes a version and waits until its import has ended. Throws IMPORT_FAILED when it did not succeed. */
export async function pushTemplate(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  pushed: PushedTemplate,
  options: PushOptions,
): Promise<VersionView> {
  const { organization, template, archive, versionName, message } = pushed;
  const { signal } = options;
  const { body: version } = await client.call(
    templateRoutes.pushVersion,
    {
      params: { organization, template },
      query: { name: versionName, message },
      body: archive,
    },
    { signal },
  );
  const log = readJobLog({ client, clock }, version.import_job.id, { signal, follow: true });
  for await (const entry of log) options.onLog?.(entry);
  return checkImported(client, pushed, version.name);
}

/** Makes a version the active one; its pools begin to fill. */
export async function promoteVersion(
  client: Client,
  promoted: { readonly organization: string; readonly template: string; readonly version: string },
  signal: AbortSignal,
): Promise<void> {
  await client.call(templateRoutes.promoteVersion, { params: promoted }, { signal });
}

async function checkImported(
  client: Client,
  { organization, template }: PushedTemplate,
  version: string,
): Promise<VersionView> {
  const params = { organization, template, version };
  const { body } = await client.call(templateRoutes.getVersion, { params });
  const { status, error, error_code } = body.import_job;
  if (status === 'succeeded') return body;
  throw new AppError('IMPORT_FAILED', {
    detail: `version ${version} of template ${template} was not imported: ${error ?? status}`,
    fields: { job_id: body.import_job.id, error_code },
  });
}
