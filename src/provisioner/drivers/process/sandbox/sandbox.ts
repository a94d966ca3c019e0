// The sandbox that a template may ask for, where this machine can have one.
import path from 'node:path';
import type { Clock } from '../../../../base/clock.ts';
import { AppError } from '../../../../base/app-error.ts';
import type { ProcessSettings } from '../../../../contract/manifest/schema.ts';
import type { Environment } from '../../../tool/environment.ts';
import { findProgram } from '../find-program.ts';
import { MARK } from '../processes.ts';
import type { Plan, Program, Seen } from '../supervisor/plan.ts';
import { enteringBubblewrap, environmentArguments } from './bubblewrap.ts';
import { callFilter } from './call-filter.ts';
import { nodeFiles } from './node-files.ts';
import { runTrial, trialOf } from './trial.ts';

export interface Sandbox {
  /** In words and short: what there was when the daemon began. */
  readonly summary: string;
  /** Tries what is asked for. Throws SANDBOX_UNAVAILABLE, with the reason and the remedy, where there is none. */
  open(asked: ProcessSettings['sandbox'], signal?: AbortSignal): Promise<EnterSandbox>;
}

/** The program as it runs in the sandbox, with these folders of its workspace and files of the daemon. */
export type EnterSandbox = (program: Program, seen: Seen) => Program;

export interface SandboxPlace {
  readonly clock: Clock;
  readonly environment: Environment;
  /** The data folder, as it really lies: nothing of it is seen but the workspace's own. */
  readonly hidden: readonly string[];
}

const REMEDY =
  'Install bubblewrap 0.8 or newer and let the daemon make user namespaces (docs/process-driver.md), or ' +
  'take the sandbox out of the template';

export async function createSandbox(place: SandboxPlace): Promise<Sandbox> {
  const open: Sandbox['open'] = async (asked, signal) => {
    if (asked === 'none') return (program) => program;
    const found = await findBubblewrap(place, signal);
    if (found.kind === 'found') return found.enter;
    const detail = `there is no sandbox on this machine: ${found.because}. ${REMEDY}`;
    throw new AppError('SANDBOX_UNAVAILABLE', detail);
  };
  const { kind } = await findBubblewrap(place);
  return { summary: kind === 'found' ? 'bubblewrap' : 'no sandbox', open };
}

/** What has been planned, as the sandboxes of this machine are now. Throws as `open` does. */
export async function enterAnew(sandbox: Sandbox, plan: Plan): Promise<Plan> {
  const isInside = plan.programs.some(({ within }) => within.length > 0);
  const enter = await sandbox.open(isInside ? 'bubblewrap' : 'none');
  const programs = plan.programs.map((program) => {
    const { seen } = program;
    if (seen === null) return program;
    const { within, filter } = enter(program, seen);
    return { ...program, within, filter };
  });
  return { ...plan, programs };
}

type Found =
  | { readonly kind: 'found'; readonly enter: EnterSandbox }
  | { readonly kind: 'missing'; readonly because: string };

/** By running something in it: that it is installed does not say that it may work. */
async function findBubblewrap(
  { clock, environment, hidden }: SandboxPlace,
  signal?: AbortSignal,
): Promise<Found> {
  // Never a relative one: what lies where the daemon was started is not to be trusted with it.
  const folders = (environment['PATH'] ?? '').split(':').filter((one) => path.isAbsolute(one));
  const bwrap = await findProgram('bwrap', folders);
  if (bwrap === undefined) return { kind: 'missing', because: 'bwrap is not in the PATH' };
  const filter = callFilter();
  const enter: EnterSandbox = (program, seen) => ({
    ...program,
    seen,
    within: [
      ...enteringBubblewrap(bwrap, {
        ...{ hidden, readable: [...nodeFiles(process.execPath), ...seen.readable] },
        writable: seen.writable,
        cwd: program.cwd,
      }),
    ],
    // The mark is for the daemon, which sees both sides.
    environment: pick(program.environment, MARK),
    input: environmentArguments(program.environment),
    filter,
  });
  const trial = trialOf(['true'], { cwd: '/', searchPath: '/usr/bin:/bin' });
  const inside = enter(trial, { readable: [], writable: [] });
  const because = await runTrial(inside, { clock, signal });
  return because === undefined ? { kind: 'found', enter } : { kind: 'missing', because };
}

function pick(from: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const value = from[name];
  return value === undefined ? {} : { [name]: value };
}
