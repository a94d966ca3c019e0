// Tells the control plane how the workspaces on this machine are, and does what it wants done with
// them. At once when something changed, and every interval whatever is known: the first report after
// a crash is what settles everything.
import { isAborted } from '../base/abort.ts';
import { toAppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import type { ReportAnswer, ReportBody } from '../contract/provisioner/protocol.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Machine } from './driver.ts';
import type { Offered } from './offered.ts';
import type { Registered, Registration } from './registration.ts';

export interface ReporterDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'report'>;
  readonly offered: Pick<Offered, 'machines' | 'onChange'>;
  readonly registration: Registration;
}

export interface ReporterOptions {
  readonly signal: AbortSignal;
  /** Restarts and removals at once; each may start or end some processes. */
  readonly concurrency: number;
}

type Wish = ReportAnswer['workspaces'][number];

/**
 * Many changes at once, as when a pool gets ready, make one report: the longer one takes, the longer it is waited
 * for more, so that reports of many workspaces take a quarter of the time or little more. What somebody may wait
 * for, that a workspace is ready, is told without a wait where the last report is so long ago already.
 */
const GATHER_MS = { least: 10, most: 100, perReportMs: 3 };
/** After a report that failed: often enough to be in time, as the control plane counts silence. */
const RETRY_MS = 1_000;

/** Reports until the signal aborts, then waits for what it does. Never rejects. */
export async function report(deps: ReporterDeps, options: ReporterOptions): Promise<void> {
  const { kit } = deps;
  const { signal } = options;
  const bell = createBell(deps.offered);
  const wishes = createWishes(deps, options);
  let hasSaidNothing = false;
  while (!signal.aborted) {
    const begunMs = kit.clock.monotonicMs();
    let waitMs = RETRY_MS;
    let registered: Registered | undefined;
    try {
      registered = await deps.registration.get();
      const known = await inspect(deps.offered.machines());
      // That there is nothing is said once: waiting for work and heartbeats are signs of life enough.
      if (known.size > 0 || !hasSaidNothing) {
        wishes.add(await reportOnce(deps, { registered, known, signal }));
      }
      hasSaidNothing = known.size === 0;
      waitMs = registered.reportIntervalMs;
    } catch (thrown) {
      if (isAborted(signal)) break;
      const error = toAppError(thrown);
      kit.log.warn('daemon.report_failed', { error });
      if (registered !== undefined) deps.registration.refused(error, registered);
    }
    const restMs = restAfter(kit.clock.monotonicMs() - begunMs);
    const gatherMs = Math.min(Math.max(restMs, GATHER_MS.least), waitMs);
    await bell.wait(kit, { gatherMs, restMs, limitMs: waitMs }, signal);
  }
  await wishes.settled();
}

function restAfter(reportMs: number): number {
  return Math.min(reportMs * GATHER_MS.perReportMs, GATHER_MS.most);
}

interface MachineWish extends Wish {
  readonly machine: Machine;
}

/** The states of all workspaces, with the machine that looks after each. */
type Known = ReadonlyMap<
  string,
  { readonly state: ReportBody['workspaces'][number]; readonly machine: Machine }
>;

async function inspect(machines: readonly Machine[]): Promise<Known> {
  const known = new Map<string, { state: ReportBody['workspaces'][number]; machine: Machine }>();
  for (const machine of machines) {
    for (const state of await machine.inspect()) known.set(state.id, { state, machine });
  }
  return known;
}

async function reportOnce(
  { controlPlane }: Pick<ReporterDeps, 'controlPlane'>,
  about: { readonly registered: Registered; readonly known: Known; readonly signal: AbortSignal },
): Promise<readonly MachineWish[]> {
  const states = [...about.known.values()].map(({ state }) => state);
  const answer = await controlPlane.report(about.registered, states, about.signal);
  return answer.flatMap((wish) => {
    const machine = about.known.get(wish.id)?.machine;
    return machine === undefined ? [] : [{ ...wish, machine }];
  });
}

/** Carries wishes out beside the reports: a removal that takes its time must not silence the others. */
function createWishes(
  { kit }: ReporterDeps,
  { concurrency, signal }: ReporterOptions,
): { add(wishes: readonly MachineWish[]): void; settled(): Promise<void> } {
  const waiting = new Map<string, MachineWish>();
  const running = new Map<string, Promise<void>>();

  const fulfil = async ({ id, want, machine }: MachineWish): Promise<void> => {
    try {
      kit.log.info('workspace.wish', { workspaceId: id, want });
      await (want === 'restart' ? machine.restart(id) : machine.remove(id));
    } catch (error) {
      // The next report says how it is now, and the control plane wishes again.
      kit.log.error('workspace.wish_failed', { workspaceId: id, want, error });
    }
  };
  const pump = (): void => {
    for (const [id, wish] of waiting) {
      if (running.size >= concurrency || signal.aborted) return;
      if (running.has(id)) continue;
      waiting.delete(id);
      running.set(
        id,
        fulfil(wish).finally(() => {
          running.delete(id);
          pump();
        }),
      );
    }
  };

  return {
    add: (wishes) => {
      waiting.clear(); // what was wished before and is still true is wished again
      for (const wish of wishes) if (wish.want !== 'keep') waiting.set(wish.id, wish);
      pump();
    },
    settled: async () => {
      while (running.size > 0) await Promise.all(running.values());
    },
  };
}

interface Pauses {
  /** After a ring, for more. */
  readonly gatherMs: number;
  /** At least, also after news that is to be told at once. */
  readonly restMs: number;
  /** Without a ring. */
  readonly limitMs: number;
}

interface Bell {
  wait({ clock }: Pick<Kit, 'clock'>, pauses: Pauses, signal: AbortSignal): Promise<void>;
}

function createBell(offered: Pick<Offered, 'onChange'>): Bell {
  let rung = new AbortController();
  let rungHard = new AbortController();
  offered.onChange((report) => {
    rung.abort();
    if (report === 'at once') rungHard.abort();
  });
  return {
    wait: async ({ clock }, { gatherMs, restMs, limitMs }, signal) => {
      const beganMs = clock.monotonicMs();
      const sleep = (ms: number, ...woken: AbortSignal[]): Promise<void> =>
        clock.sleep(ms, AbortSignal.any([...woken, signal])).catch(() => undefined); // woken or stopped
      await sleep(limitMs, rung.signal);
      await sleep(gatherMs, rungHard.signal);
      const leftMs = beganMs + restMs - clock.monotonicMs();
      if (leftMs > 0) await sleep(leftMs);
      rung = new AbortController();
      rungHard = new AbortController();
    },
  };
}
