import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { isGroupAlive } from '../../src/base/process-group.ts';
import { runTool, type ToolEnd, type ToolRun } from '../../src/provisioner/tool/run-tool.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let folder: TemporaryFolder;
let lines: string[];

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  lines = [];
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Runs a script of the shell; each has a minute where patience is not what is tried. */
function sh(script: string, change: Partial<ToolRun> = {}): Promise<ToolEnd> {
  return runTool(systemClock, {
    file: 'sh',
    args: ['-c', script],
    cwd: folder.path,
    environment: { PATH: process.env['PATH'] ?? '' },
    outputFolder: folder.path,
    onLine: (stream, line) => lines.push(`${stream} ${line}`),
    signal: new AbortController().signal,
    patience: { interruptMs: 60_000, terminateMs: 60_000 },
    ...change,
  });
}

const said = (line: string): Promise<void> => until(() => expect(lines).toContain(line));

const group = (): number => Number(readFileSync(path.join(folder.path, 'group'), 'utf8'));

/** Has said "ready" by the time its signals are dealt with as `traps` says. */
const waiting = (traps: string): string =>
  `${traps}; echo $$ > group; sleep 600 & echo ready; wait; wait`;

const NORMAL = { exitCode: 0, forced: false, leftBehind: false, unending: null };

describe('a tool', () => {
  it('is heard line by line, on both its streams, and tells how it ended', async () => {
    expect(await sh('echo one; echo two >&2; printf three; exit 3')).toEqual({
      ...NORMAL,
      exitCode: 3,
    });
    expect([...lines].sort()).toEqual(['stderr two', 'stdout one', 'stdout three']);
  });

  it('gets the environment it is given and nothing of ours', async () => {
    await sh('env', { environment: { ONLY: 'this' } });
    const names = lines.map((line) => line.replace(/^stdout (\w+)=.*$/, '$1'));
    expect(names.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name))).toEqual([
      'ONLY',
    ]);
  });

  it('that is not there is an error with its name', async () => {
    await expect(sh('', { file: 'no-such-tool' })).rejects.toThrow(/no-such-tool cannot be run/);
  });

  it('is not begun when it is stopped before', async () => {
    const reason = new Error('stopped');
    await expect(sh('echo > ran', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(() => readFileSync(path.join(folder.path, 'ran'))).toThrow('ENOENT');
  });
});

describe('stopping a tool', () => {
  it('interrupts its whole group and leaves nothing', async () => {
    const stop = new AbortController();
    const end = sh(waiting("trap 'echo tidied; exit 1' INT"), { signal: stop.signal });
    await said('stdout ready');
    stop.abort();
    expect(await end).toMatchObject({ exitCode: 1, forced: false, unending: null });
    expect(lines).toContain('stdout tidied');
    expect(isGroupAlive(group())).toBe(false);
  });

  it('terminates what does not heed an interrupt', async () => {
    const stop = new AbortController();
    const end = sh(waiting("trap '' INT; trap 'exit 2' TERM"), {
      signal: stop.signal,
      patience: { interruptMs: 50, terminateMs: 60_000 },
    });
    await said('stdout ready');
    stop.abort();
    expect(await end).toMatchObject({ exitCode: 2, forced: true });
    expect(isGroupAlive(group())).toBe(false);
  });

  it('kills what heeds nothing, and says so', async () => {
    const stop = new AbortController();
    const end = sh(waiting("trap '' INT TERM"), {
      signal: stop.signal,
      patience: { interruptMs: 50, terminateMs: 50 },
    });
    await said('stdout ready');
    stop.abort();
    expect(await end).toMatchObject({ exitCode: null, forced: true, unending: null });
    expect(isGroupAlive(group())).toBe(false);
  });
});

describe('a tool whose daemon is killed', () => {
  it('goes on, and may go on saying what it does', async () => {
    const script = `echo begun > begun; until [ -e go ]; do :; done
      for n in 1 2 3; do echo line $n || exit 9; done; echo $? > done`;
    const program = `
      import { systemClock } from ${JSON.stringify(path.resolve('src/base/clock.ts'))};
      import { runTool } from ${JSON.stringify(path.resolve('src/provisioner/tool/run-tool.ts'))};
      await runTool(systemClock, {
        file: 'sh', args: ['-c', ${JSON.stringify(script)}], cwd: process.cwd(),
        environment: { PATH: process.env.PATH }, outputFolder: process.cwd(),
        onLine: () => undefined, signal: new AbortController().signal,
      });`;
    await writeFile(path.join(folder.path, 'daemon.mts'), program);
    const daemon = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), 'daemon.mts'], {
      cwd: folder.path,
      stdio: 'inherit',
    });
    const exists = (name: string): Promise<void> =>
      until(() => access(path.join(folder.path, name)));
    await exists('begun');
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
    await writeFile(path.join(folder.path, 'go'), '');
    await exists('done');
    expect(readFileSync(path.join(folder.path, 'tool.stdout'), 'utf8')).toBe(
      'line 1\nline 2\nline 3\n',
    );
  });
});

describe('what a tool leaves running', () => {
  it('in its group is ended', async () => {
    expect(await sh('echo $$ > group; sleep 600 & exit 0')).toEqual({
      ...NORMAL,
      leftBehind: true,
    });
    expect(isGroupAlive(group())).toBe(false);
  });

  it('outside its group is not waited for', async () => {
    const script = `setsid sh -c 'echo $$ > pid; exec sleep 600' & until [ -s pid ]; do :; done`;
    expect(await sh(script)).toEqual(NORMAL);
    const left = Number(readFileSync(path.join(folder.path, 'pid'), 'utf8'));
    expect(isGroupAlive(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });
});
