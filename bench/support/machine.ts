// The machine that figures come from, in a line or two: without it they say nothing.
import { readFile } from 'node:fs/promises';
import os from 'node:os';

export function describeMachine(): string {
  const cores = os.cpus();
  const memoryGiB = Math.round(os.totalmem() / 1024 ** 3);
  return (
    `${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${memoryGiB} GiB, ` +
    `load ${os.loadavg()[0]?.toFixed(1) ?? '?'}, ${os.type()} ${os.release()}, Node ${process.versions.node}`
  );
}

/** Where the processors' time went since a moment. */
export interface ProcessorTime {
  readonly total: number;
  /** Taken by other machines on the same host. */
  readonly stolen: number | undefined;
  readonly idle: number;
}

export async function readProcessorTime(): Promise<ProcessorTime | undefined> {
  const text = await readFile('/proc/stat', 'utf8').catch(() => undefined); // Linux alone has it
  const ticks = text?.split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number);
  if (ticks === undefined) return undefined;
  // user nice system idle iowait irq softirq steal; guest time is in user already.
  const counted = ticks.slice(0, 8);
  const total = counted.reduce((sum, each) => sum + each, 0);
  return { total, idle: (ticks[3] ?? 0) + (ticks[4] ?? 0), stolen: ticks[7] };
}

/** What a reader must know to trust a run: idle processors, and time that others took. */
export function describeProcessorTime(
  from: ProcessorTime | undefined,
  to: ProcessorTime | undefined,
): string | undefined {
  if (from === undefined || to === undefined || to.total === from.total) return undefined;
  const share = (part: number): string => `${Math.round((part / (to.total - from.total)) * 100)} %`;
  const stolen = share((to.stolen ?? 0) - (from.stolen ?? 0));
  return `processors: ${share(to.idle - from.idle)} idle, ${stolen} stolen`;
}

/** The memory of a process that is not swapped out. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
}
