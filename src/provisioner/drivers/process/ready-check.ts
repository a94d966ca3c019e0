// The ready check of a template without agents, made once.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import type { ReadyCheck } from '../../../contract/manifest/schema.ts';
import { MARK } from './processes.ts';
import type { WorkspaceLayout } from './layout.ts';

export interface Checked {
  readonly check: ReadyCheck;
  readonly port: number;
  readonly layout: WorkspaceLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Whether the workspace is ready now. Never rejects. */
export async function isReady(
  clock: Clock,
  { check, port, layout, environment }: Checked,
): Promise<boolean> {
  const timeoutMs = Math.max(100, check.timeout_seconds * 1000);
  if (check.http !== null) {
    const limit = new AbortController();
    const done = new AbortController();
    void clock.sleep(timeoutMs, done.signal).then(
      () => limit.abort(),
      () => undefined,
    );
    try {
      const url = new URL(check.http, `http://127.0.0.1:${port}`);
      const answer = await fetch(url, { signal: limit.signal, redirect: 'manual' });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false; // not listening, or too slow
    } finally {
      done.abort();
    }
  }
  if (check.command !== null) {
    const [file = '', ...args] = check.command;
    return new Promise((resolve) => {
      const child = spawn(file, args, {
        cwd: layout.files,
        stdio: 'ignore',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        env: { PATH: environment['PATH'], PORT: String(port), [MARK]: layout.folder },
      });
      child.on('error', () => resolve(false));
      child.on('exit', (code) => resolve(code === 0));
    });
  }
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: check.tcp ?? port, timeout: timeoutMs });
    const answer = (ready: boolean) => (): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.on('connect', answer(true));
    socket.on('error', answer(false));
    socket.on('timeout', answer(false));
  });
}
