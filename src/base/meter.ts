// Durations, told where they happen and summed up elsewhere. Telling never fails and never waits.

export type Duration =
  | 'reconciliation_duration'
  | 'claim_duration'
  | 'claim_proof'
  | 'claim_to_ready'
  | 'prebuild_creation_duration'
  | 'provisioner_job_queue_wait'
  | 'refill_reaction'
  | 'wait_duration';

export interface Meter {
  observe(duration: Duration, ms: number, labels?: Readonly<Record<string, string>>): void;
}

export const silentMeter: Meter = { observe: () => undefined };
