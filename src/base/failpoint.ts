// Named instants at which a test may make things go wrong, so that every one of them is tried. They
// do nothing unless switched on: by STANDBY_FAILPOINTS in the programs, by a listener in a test.
import type { Clock } from './clock.ts';

/** Every failpoint there is, each with the instant that it stands for. */
export const FAILPOINTS = {
  'claim.committed': 'a request for a workspace was stored, and nobody was told',
  'claim.proven': 'the agents of a claimed workspace have answered, and nobody was told',
  'pool.decided': 'a pool was decided and acted upon, and not committed',
  'pool.committed': 'what a pool needed was stored, and nobody was told',
  'life.decided': 'what becomes of a workspace by itself was decided, and nothing is written',
  'job.taken': 'a job was given to a daemon, which was not told',
  'job.heartbeat_stored': 'a sign of life and log lines were stored, and the daemon was not told',
  'job.ended': 'a result was stored, and the daemon was not told',
  'state.taken': 'the lock of a state was taken, and the daemon was not told',
  'state.kept': 'a state was stored, and the daemon was not told',
  'notice.sent': 'a notice is about to be sent to other processes',
  'daemon.job_received': 'a daemon has a job, and has done nothing for it',
  'daemon.state_opened': 'the newest state lies in the attempt’s folder',
  'daemon.state_read': 'a changed state was read, and was not sent',
  'daemon.state_sent': 'a state was stored by the control plane',
  'daemon.work_done': 'the driver has ended, and its last state is not stored',
  'daemon.state_settled': 'the last state is stored, and the attempt’s folder is there',
  'daemon.folder_removed': 'the attempt’s folder is gone, and the result was not told',
  'daemon.result_told': 'the control plane has the result',
  'daemon.leftover_found': 'a state of an earlier life was found, and was not sent',
  'daemon.leftover_kept': 'a state of an earlier life is stored, and its folder is there',
  'process.start.recorded': 'a workspace’s record is written, and nothing runs',
  'process.start.spawned': 'its supervisor runs, and is not recorded',
  'process.remove.recorded': 'a removal is recorded, and everything is there',
  'process.remove.ended': 'its processes have ended, and its folder is there',
  'docker.start.volumes_made': 'its volumes are there, and no container',
  'docker.start.created': 'a container is there, half made, and does not run',
  'docker.start.started': 'it runs, and nobody has seen yet whether it lives',
  'docker.start.named': 'it is whole, and the one whose place it takes is still there',
  'docker.remove.containers_gone': 'a workspace’s containers are gone, and its volumes are there',
} as const;

export type Failpoint = keyof typeof FAILPOINTS;

/** What a listener makes of a failpoint: `drop` skips what would follow, where that can be skipped. */
export type FailpointOutcome = 'go' | 'drop';

export type FailpointListener = (
  point: Failpoint,
) => FailpointOutcome | undefined | Promise<FailpointOutcome | undefined>;

let installed: FailpointListener | undefined;

export async function failpoint(point: Failpoint): Promise<FailpointOutcome> {
  if (installed === undefined) return 'go';
  return (await installed(point)) ?? 'go';
}

/** Undefined switches all of them off. */
export function installFailpoints(listener: FailpointListener | undefined): void {
  installed = listener;
}

export class FailpointError extends Error {
  override readonly name = 'FailpointError';
}

const RULE = /^([a-z_.]+)=(kill|stop|throw|drop|delay\((\d{1,6})\))(?:@(\d{1,6}))?$/;

/** Whether `text` is a list that `parseFailpoints` reads. */
export function isFailpointList(text: string): boolean {
  return text.split(';').every((rule) => isFailpoint(RULE.exec(rule.trim())?.[1]));
}

/**
 * A listener for rules such as `job.ended=kill@3;notice.sent=drop`: at its third passing the process
 * kills itself, and no notice is sent. `stop` is SIGSTOP, `throw` a fault, `delay(500)` half a second.
 */
export function parseFailpoints(clock: Pick<Clock, 'sleep'>, text: string): FailpointListener {
  const rules = text.split(';').map((rule) => RULE.exec(rule.trim()) ?? []);
  const passed = new Map<string, number>();
  return async (point) => {
    const count = (passed.get(point) ?? 0) + 1;
    passed.set(point, count);
    for (const [, name, action = '', delayMs, at] of rules) {
      if (name !== point || (at !== undefined && Number(at) !== count)) continue;
      if (action === 'drop') return 'drop';
      if (action === 'throw') throw new FailpointError(`failpoint ${point}`);
      if (delayMs !== undefined) await clock.sleep(Number(delayMs));
      else process.kill(process.pid, action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    }
    return 'go';
  };
}

function isFailpoint(name: string | undefined): name is Failpoint {
  return name !== undefined && Object.hasOwn(FAILPOINTS, name);
}
