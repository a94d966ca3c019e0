// Why the control plane fails jobs, and which failures no template is to blame for. The codes are
// stored with the job; drivers have further ones of their own.

export const JOB_FAILURES = {
  /** when the daemon showed no sign of life for too long */
  hung: 'hung',
  /** when the daemon was started anew without finishing the attempt, or its key was revoked */
  daemonLost: 'daemon_lost',
  /** when no daemon that could do it was seen for too long */
  noProvisioner: 'no_provisioner',
  /** when the values of its workspace's sensitive parameters do not open */
  secretsBroken: 'secrets_broken',
  /** when the prebuild that was to be rehearsed with was claimed or deleted first */
  prebuildGone: 'prebuild_gone',
  /** when it ran for longer than a job of its kind may: its template is to blame */
  runTimeExceeded: 'run_time_exceeded',
} as const;

/** Those that say nothing about the template of the build that failed. */
export const NOT_THE_TEMPLATES: readonly string[] = [
  JOB_FAILURES.hung,
  JOB_FAILURES.daemonLost,
  JOB_FAILURES.noProvisioner,
  JOB_FAILURES.secretsBroken,
  JOB_FAILURES.prebuildGone,
];

/** Whether a failed build says something about its template; brakes count only those. */
export function isTemplateFault(errorCode: string): boolean {
  return !NOT_THE_TEMPLATES.includes(errorCode);
}
