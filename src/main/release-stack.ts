// What a program has opened, released in the opposite order when it ends.
import type { Log } from '../base/log.ts';

export interface ReleaseStack {
  add(release: () => Promise<unknown>): void;
  /** One that cannot be released is logged and does not keep the others from it. */
  releaseAll(): Promise<void>;
}

export function createReleaseStack(log: Log): ReleaseStack {
  const releases: (() => Promise<unknown>)[] = [];
  return {
    add: (release) => {
      releases.push(release);
    },
    releaseAll: async () => {
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        await release().catch((error: unknown) => log.error('program.release_failed', { error }));
      }
    },
  };
}
