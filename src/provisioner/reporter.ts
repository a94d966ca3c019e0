// Tells the control plane how the workspaces on this machine are, regularly and whenever something
// changed, and does what it answers.
import { toAppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Machine } from './driver.ts';
import type { Registration } from './registration.ts';

export interface ReporterDeps {
  readonly kit: Kit;
  readonly controlPlane: ControlPlane;
  readonly registration: Registration;
  readonly machines: readonly Machine[];
  readonly signal: AbortSignal;
}

// Changes come in crowds, when pools fill: they are told together.
const GATHER_MS = 50;
const RETRY_MS = 1_000;

/** Reports until the signal is aborted. Never rejects. */
export async function keepReporting(deps: ReporterDeps): Promise<void> {
  const { kit, machines, registration, signal } = deps;
  let changed = new AbortController();
  for (const machine of machines) machine.onChange(() => changed.abort());
  while (!signal.aborted) {
    changed = new AbortController();
    let pauseMs = RETRY_MS;
    try {
      const registered = await registration.get();
      await report(deps);
      pauseMs = registered.reportIntervalMs;
    } catch (thrown) {
      if (isAborted(signal)) return;
      kit.log.warn('daemon.report_failed', { error: toAppError(thrown) });
    }
    const news = AbortSignal.any([changed.signal, signal]);
    await kit.clock.sleep(pauseMs, news).catch(() => undefined);
    await kit.clock.sleep(GATHER_MS, signal).catch(() => undefined);
  }
}

async function report(deps: ReporterDeps): Promise<void> {
  const { kit, controlPlane, registration, machines, signal } = deps;
  const machineOf = new Map<string, Machine>();
  const workspaces = [];
  for (const machine of machines) {
    for (const workspace of await machine.inspect()) {
      machineOf.set(workspace.id, machine);
      workspaces.push(workspace);
    }
  }
  const registered = await registration.get();
  for (const { id, want } of await controlPlane.report(registered, workspaces, signal)) {
    const machine = machineOf.get(id);
    if (want === 'keep' || machine === undefined) continue;
    kit.log.info('daemon.workspace_settled', { workspaceId: id, want });
    try {
      await (want === 'restart' ? machine.restart(id) : machine.remove(id));
    } catch (error) {
      kit.log.error('daemon.settle_failed', { workspaceId: id, want, error });
    }
  }
}

// A function, because the compiler believes that a signal once seen unaborted stays so.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
