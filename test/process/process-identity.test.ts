// Real processes: what the system says of the living, the dead and the unreaped.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { identifyProcess, isSameProcess } from '../../src/base/process-identity.ts';

const started: ChildProcess[] = [];

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  return child;
}

async function pidOf(child: ChildProcess): Promise<number> {
  if (child.pid === undefined) await once(child, 'spawn');
  return child.pid!;
}

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
});

// On Linux `ps` knows the same columns as elsewhere, so both ways are tried here.
describe.each([...new Set<NodeJS.Platform>([process.platform, 'darwin'])])(
  'process identity the way of %s',
  (platform) => {
    it('names a living process and stays the same', async () => {
      const pid = await pidOf(start('sleep', ['60']));
      const identity = identifyProcess(pid, platform);
      expect(identity).toMatchObject({ pid });
      expect(identifyProcess(pid, platform)).toEqual(identity);
      expect(isSameProcess(identity!, platform)).toBe(true);
    });

    it('is gone once the process was killed', async () => {
      const child = start('sleep', ['60']);
      const identity = identifyProcess(await pidOf(child), platform)!;
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(identifyProcess(identity.pid, platform)).toBeUndefined();
      expect(isSameProcess(identity, platform)).toBe(false);
    });

    it('does not take another process of the same pid for the one it named', async () => {
      const identity = identifyProcess(await pidOf(start('sleep', ['60'])), platform)!;
      expect(isSameProcess({ ...identity, startMark: '1' }, platform)).toBe(false);
      expect(isSameProcess({ ...identity, bootId: 'of an earlier boot' }, platform)).toBe(false);
    });

    it('counts a zombie as gone', async () => {
      // The shell becomes a sleep that never reaps the child it started before.
      const parent = start('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60']);
      const [printed] = (await once(parent.stdout!, 'data')) as [Buffer];
      const zombie = Number(printed.toString());
      await expect.poll(() => identifyProcess(zombie, platform)).toBeUndefined();
      expect(() => process.kill(zombie, 0)).not.toThrow(); // the pid is still taken
    });
  },
);

describe('a process whose name holds spaces and parentheses', () => {
  it('is identified all the same', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'standby-identity-'));
    try {
      const odd = join(folder, 'a) Z 1 (b');
      await symlink('/bin/sleep', odd);
      const pid = await pidOf(start(odd, ['60']));
      expect(identifyProcess(pid)).toMatchObject({ pid });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
