// Pushing a template, and waiting until a daemon has checked it.
import { AppError } from '../base/app-error.ts';
import { jobRoutes } from '../contract/job/route.ts';
import type { JobView, LogEntryView } from '../contract/job/schema.ts';
import { templateRoutes } from '../contract/template/route.ts';
import type { VersionView } from '../contract/template/schema.ts';
import type { Client } from './client.ts';
import type { FollowDeps } from './follow-events.ts';
import { patiently } from './insist.ts';
import { followJobLog } from './job-log.ts';

type PushDeps = FollowDeps & { readonly client: Client };

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
  /** Why no daemon takes the import up. */
  onWaiting?(reason: string): void;
}

// A daemon that starts at the same time shows itself within this.
const NO_DAEMON_PATIENCE_MS = 5_000;
const POLL_MS = 200;

/**
 * Pushes a version and waits until its import has ended, through a restart of the server. The push itself is asked
 * for once: again it would be another version. Throws IMPORT_FAILED when the import did not succeed, and NO_DAEMON
 * when nobody is there who could do it.
 */
export async function pushTemplate(
  deps: PushDeps,
  pushed: PushedTemplate,
  options: PushOptions,
): Promise<VersionView> {
  const { organization, template, archive, versionName, message } = pushed;
  const { client } = deps;
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
  await untilTaken(deps, { pushed, version }, options);
  for await (const { event, data } of followJobLog(deps, version.import_job.id, { signal })) {
    if (event === 'line') options.onLog?.(data);
  }
  return checkImported(deps, pushed, { version: version.name, signal });
}

/** Until a daemon has taken the import up, or somebody has canceled it. */
async function untilTaken(
  deps: PushDeps,
  { pushed, version }: { readonly pushed: PushedTemplate; readonly version: VersionView },
  options: PushOptions,
): Promise<void> {
  const { client, clock } = deps;
  const { signal } = options;
  const params = { job: version.import_job.id };
  let seenMs: number | undefined;
  // Daemons that were without a server as well need the same time to be back.
  const untilAnswered = patiently(deps, { signal, onAway: () => (seenMs = undefined) });
  for (;;) {
    const { body: job } = await untilAnswered(() =>
      client.call(jobRoutes.getJob, { params }, { signal }),
    );
    if (job.status !== 'pending') return;
    seenMs ??= clock.monotonicMs();
    if (job.waiting_reason !== null) {
      options.onWaiting?.(job.waiting_reason);
      if (clock.monotonicMs() - seenMs > NO_DAEMON_PATIENCE_MS) {
        throw noDaemon(pushed.template, version.name, job);
      }
    }
    await clock.sleep(POLL_MS, signal);
  }
}

function noDaemon(template: string, version: string, job: JobView): AppError {
  return new AppError('NO_DAEMON', {
    detail: `version ${version} of template ${template} waits for its import: ${job.waiting_reason ?? ''}`,
    hint: `Start a daemon that offers this (\`standby provisioner\`). The import then goes on by itself, and \`standby template promote ${template} ${version}\` makes the version active.`,
    fields: { job_id: job.id, driver: job.driver },
  });
}

async function checkImported(
  deps: PushDeps,
  { organization, template }: PushedTemplate,
  { version, signal }: { readonly version: string; readonly signal: AbortSignal },
): Promise<VersionView> {
  const params = { organization, template, version };
  const { body } = await patiently(deps, { signal })(() =>
    deps.client.call(templateRoutes.getVersion, { params }, { signal }),
  );
  const { status, error, error_code } = body.import_job;
  if (status === 'succeeded') return body;
  throw new AppError('IMPORT_FAILED', {
    detail: `version ${version} of template ${template} was not imported: ${error ?? status}`,
    hint: `Mend it and push again; \`standby job logs ${body.import_job.id}\` shows what the import said.`,
    fields: { job_id: body.import_job.id, error_code },
  });
}
