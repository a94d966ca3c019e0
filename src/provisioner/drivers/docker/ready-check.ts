// The ready check of a workspace without agents, made once: at what it publishes, or in its container.
import type { Clock } from '../../../base/clock.ts';
import { answers, open, type Place } from '../../ready/probe.ts';
import type { Checked } from '../../ready/watch.ts';
import { isRefused, type Container, type Engine } from './engine/engine.ts';
import { containerMarkOf } from './mark.ts';

export interface CheckDeps {
  readonly clock: Clock;
  readonly engine: Engine;
  readonly publishAddress: string;
}

/**
 * The engine itself accepts connections to published ports, and ends those that nobody in the
 * container accepts: one that has lasted this long was accepted there.
 */
const ACCEPTED_MS = 250;

/** Undefined where there is none to make. */
export function checkOf(
  { clock, engine, publishAddress }: CheckDeps,
  container: Pick<Container, 'id' | 'labels'>,
): Checked | undefined {
  const mark = containerMarkOf(container);
  const check = mark?.ready ?? null;
  if (mark === undefined || check === null) return undefined;
  const { http, tcp, command } = check;
  if (command !== null) return { check, isReady: createRun(engine, container.id, command) };
  const outside = mark.ports[tcp ?? mark.ownPort ?? 0];
  // Nothing that is not published is ever ready; a push refuses such a template.
  if (outside === undefined) return { check, isReady: () => Promise.resolve(false) };
  const place = { host: publishAddress, port: outside };
  if (http !== null) return { check, isReady: (signal) => answers(http, place, signal) };
  // In the time that one try has, however short.
  const lastsMs = Math.min(ACCEPTED_MS, (check.timeout_seconds * 1000) / 2);
  return { check, isReady: (signal) => lasts(clock, place, { lastsMs, signal }) };
}

async function lasts(
  clock: Clock,
  place: Place,
  { lastsMs, signal }: { readonly lastsMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const socket = await open(place, signal);
  if (socket === undefined) return false;
  const ended = new AbortController();
  for (const event of ['end', 'close', 'error']) socket.on(event, () => ended.abort());
  try {
    socket.resume();
    await clock.sleep(lastsMs, AbortSignal.any([ended.signal, signal]));
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Runs the command in the container, and never twice at a time: the engine has no means to end one
 * that takes too long.
 */
function createRun(
  engine: Engine,
  containerId: string,
  command: readonly string[],
): Checked['isReady'] {
  let last: string | undefined;
  /** The engine forgets what has ended, and everything when it starts anew. */
  const runs = async (id: string): Promise<boolean> => {
    try {
      return (await engine.readExec(id)).isRunning;
    } catch (error) {
      if (isRefused(error, 404)) return false;
      throw error;
    }
  };
  return async (signal) => {
    if (last !== undefined && (await runs(last))) return false;
    last = await engine.createExec(containerId, { command, environment: [], isDetached: false });
    await engine.runExec(last, signal);
    return (await engine.readExec(last)).exitCode === 0;
  };
}
