// Why work on an attempt is given up; the reason of its abort signal.

export type StopWorkKind =
  /** somebody asked for the job's cancellation */
  | 'canceled'
  /** another attempt counts now, or another process has taken this daemon's place */
  | 'stale'
  /** the daemon is being stopped, and the attempt was not done in time */
  | 'drained';

export class StopWork extends Error {
  override readonly name = 'StopWork';
  readonly kind: StopWorkKind;

  constructor(kind: StopWorkKind) {
    super(`work was stopped: ${kind}`);
    this.kind = kind;
  }
}
