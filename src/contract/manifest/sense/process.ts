// Whether the limits of the process driver leave room for what runs in every workspace, before any is started.
import { formatBytes } from '../../../base/byte-size.ts';
import type { Finding } from '../issue.ts';
import type { Manifest } from '../schema.ts';
import { MIN_PROCESSES, MIN_PROCESS_MEMORY_BYTES } from '../source.ts';

/** What an agent takes, as does the supervisor: docs/process-driver.md tells of it. */
const AGENT_MEMORY_BYTES = 40 * 1024 ** 2;
const AGENT_THREADS = 12;

export function checkProcess({ process, agents }: Manifest): readonly Finding[] {
  if (process === null || agents.length === 0) return [];
  const { memory_bytes: memory, processes } = process.limits;
  const leastMemory = MIN_PROCESS_MEMORY_BYTES + AGENT_MEMORY_BYTES * agents.length;
  const leastProcesses = MIN_PROCESSES + AGENT_THREADS * agents.length;
  const findings: Finding[] = [];
  const refuse = (key: string, least: string, given: string): void => {
    const count = agents.length === 1 ? '1 agent' : `${agents.length} agents`;
    findings.push({
      code: 'INVALID_VALUE',
      message: `a workspace with ${count} needs at least ${least}, and may have ${given}`,
      hint: 'Raise the limit, or take it out: the supervisor and each agent are within it.',
      path: ['process', 'limits', key],
      at: 'value',
    });
  };
  if (memory !== null && memory < leastMemory) {
    refuse('memory', formatBytes(leastMemory), formatBytes(memory));
  }
  if (processes !== null && processes < leastProcesses) {
    refuse('processes', `${leastProcesses} processes and threads`, String(processes));
  }
  return findings;
}
