// Tells an attempt's log what Terraform does, resource by resource, as it happens.
import type { Clock } from '../../../base/clock.ts';
import type { DriverContext } from '../../driver.ts';
import { diagnosticLines } from './diagnostic.ts';
import type { TerraformEvent } from './event.ts';

export interface Progress {
  readonly tell: (event: TerraformEvent) => void;
}

type Hook = NonNullable<TerraformEvent['hook']>;
type Changes = NonNullable<TerraformEvent['changes']>;

/** What is said at every command, or says nothing to people. */
const SILENT =
  /^(version|outputs|init_output|change_summary|refresh_(start|complete)|provision_(start|complete))$/;

const DOING: Readonly<Record<string, string>> = {
  create: 'creating',
  update: 'changing',
  delete: 'destroying',
  read: 'reading',
};
const DONE: Readonly<Record<string, string>> = {
  create: 'created',
  update: 'changed',
  delete: 'destroyed',
  read: 'read',
};

/** For one plan and its apply, or one destroy: steps are counted over both. */
export function createProgress(
  clock: Pick<Clock, 'monotonicMs'>,
  log: DriverContext['log'],
): Progress {
  const startedMs = new Map<string, number>();
  let planned: number | undefined;
  let completed = 0;

  const tookOf = (address: string): string => {
    const nowMs = clock.monotonicMs();
    return `after ${((nowMs - (startedMs.get(address) ?? nowMs)) / 1000).toFixed(1)} s`;
  };
  const countOf = (action: string): string => {
    // Reading is no step of a plan.
    if (planned === undefined || action === 'read') return '';
    completed += 1;
    return ` (${completed} of ${planned})`;
  };

  const tellHook = (type: string, address: string, hook: Hook): boolean => {
    const { action, elapsed_seconds: seconds, output } = hook;
    const doing = DOING[action] ?? action;
    switch (type) {
      case 'apply_start':
        startedMs.set(address, clock.monotonicMs());
        log('info', `${address}: ${doing}`);
        return true;
      case 'apply_progress':
        log('info', `${address}: still ${doing}, ${seconds} s`);
        return true;
      case 'apply_complete': {
        const done = DONE[action] ?? `${action} done`;
        log('info', `${address}: ${done} ${tookOf(address)}${countOf(action)}`);
        return true;
      }
      case 'apply_errored':
        log('error', `${address}: ${doing} failed ${tookOf(address)}`);
        return true;
      case 'provision_progress':
        log('info', `${address}: ${output}`);
        return true;
      default:
        return false;
    }
  };
  const tellPlan = ({ add, change, remove }: Changes): void => {
    planned = add + change + remove;
    const summary = `${add} to create, ${change} to change, ${remove} to destroy`;
    log('info', `plan: ${planned === 0 ? 'nothing to change' : summary}`);
  };

  return {
    tell: ({ type, hook, change, changes, diagnostic, '@message': message }) => {
      const address = hook?.resource?.addr;
      if (hook !== undefined && address !== undefined && tellHook(type, address, hook)) return;
      if (diagnostic !== undefined) {
        const level = diagnostic.severity === 'error' ? 'error' : 'warn';
        for (const line of diagnosticLines(diagnostic)) log(level, line);
      } else if (change !== undefined) {
        // The apply tells the plan once more.
        if (planned === undefined) log('debug', `${change.resource.addr}: to ${change.action}`);
      } else if (changes?.operation === 'plan') {
        tellPlan(changes);
      } else if (!SILENT.test(type)) {
        for (const line of message.split('\n')) log('debug', line);
      }
    },
  };
}
