// Looks for stalls while something else is measured: a process of its own does a small piece of work again and again. What
// competes with it makes it wait, and not take more processor time.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Stage } from './bench.ts';
import { findStalls, type Piece, type Stall } from './stall.ts';

/** Gives what `work` gives, and the stalls meanwhile by the stage's monotonic clock. It takes some 2 % of a processor. */
export async function watchStalls<T>(
  { kit: { clock } }: Stage,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly stalls: readonly Stall[]; readonly overMs: number }> {
  const child = fork(fileURLToPath(new URL('./stall-pieces.ts', import.meta.url)));
  try {
    await nextMessage(child);
    const startMs = clock.monotonicMs();
    const aheadMs = Date.now() - startMs;
    const result = await work();
    const overMs = clock.monotonicMs() - startMs;
    child.send('end');
    const pieces = (await nextMessage(child)) as readonly Piece[];
    const own = pieces.map(({ atMs, cpuMs }) => ({ atMs: atMs - aheadMs, cpuMs }));
    return { result, stalls: findStalls(own), overMs };
  } finally {
    child.kill();
  }
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  const ended = async (): Promise<never> => {
    await once(child, 'exit', { signal });
    throw new Error('the process that looks for stalls has ended');
  };
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), ended()])) as [
      unknown,
    ];
    return message;
  } finally {
    over.abort();
  }
}
