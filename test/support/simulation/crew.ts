// The processes that simulated systems live in: one for each core, since the systems of one process have
// one thread.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createDeferred, type Deferred } from '../deferred.ts';
import type { HomesOptions } from './home.ts';
import type { Life } from './life.ts';
import type { Outcome, WorkerOptions } from './worker.ts';

export interface Crew {
  /** Gives what was violated in a life; empty when all was well. */
  live(life: Life): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Worker {
  readonly process: ChildProcess;
  /** By seed. */
  readonly lives: Map<number, Deferred<readonly string[]>>;
}

/**
 * A life makes much that is gone in moments: with the usual 16 MB, threads spend 7 % of their time on taking it away. Threads
 * that help to do so are no help where each core has a worker.
 */
const MEMORY = ['--max-semi-space-size=64', '--single-threaded-gc'];
const PROGRAM = path.join(import.meta.dirname, 'worker.ts');

export function createCrew(size: number, options: HomesOptions): Crew {
  // To watch makes a life dearer by 7 %, and each worker lives all kinds of lives.
  const workers = Array.from({ length: size }, (_, n) =>
    startWorker({ ...options, watches: n === 0 }),
  );
  return {
    live: async (life) => {
      const { seed } = life;
      const [idlest] = workers.toSorted((a, b) => a.lives.size - b.lives.size);
      if (idlest === undefined || hasEnded(idlest.process)) {
        throw new Error('there is no process to live in'); // nothing would ever be heard of it
      }
      const end = createDeferred<readonly string[]>();
      idlest.lives.set(seed, end);
      idlest.process.send(life);
      return end.promise;
    },
    close: async () => {
      await Promise.all(
        workers.map(async ({ process: worker }) => {
          if (!worker.connected) return;
          const ended = once(worker, 'exit');
          worker.disconnect();
          await ended;
        }),
      );
    },
  };
}

function hasEnded({ connected, exitCode, signalCode }: ChildProcess): boolean {
  return !connected || exitCode !== null || signalCode !== null;
}

function startWorker(options: WorkerOptions): Worker {
  const lives: Worker['lives'] = new Map();
  const worker = fork(PROGRAM, [JSON.stringify(options)], {
    execArgv: [...MEMORY, '--import', import.meta.resolve('../typescript.mjs')],
  });
  worker.on('message', (message) => {
    const { seed, violations } = message as Outcome;
    lives.get(seed)?.resolve(violations);
    lives.delete(seed);
  });
  worker.once('exit', (code, signal) => {
    for (const life of lives.values()) {
      life.reject(new Error(`its process ended: ${signal ?? `exit status ${String(code)}`}`));
    }
  });
  return { process: worker, lives };
}
