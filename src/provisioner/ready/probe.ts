// What a ready check asks of a port, once.
import { connect, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What `probe` says within the time; false for one that throws, takes longer or is stopped. */
export async function tryFor(
  clock: Clock,
  probe: (signal: AbortSignal) => Promise<boolean>,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const done = new AbortController();
  const limit = new AbortController();
  clock.sleep(timeoutMs, done.signal).then(
    () => limit.abort(),
    () => undefined, // the probe ended first
  );
  try {
    return await probe(AbortSignal.any([signal, limit.signal]));
  } catch {
    return false; // not listening, not to be run, or too slow
  } finally {
    done.abort();
  }
}

/** Whether a GET is answered well, or with a redirect. */
export async function answers(
  where: string,
  { host, port }: Place,
  signal: AbortSignal,
): Promise<boolean> {
  // One text: a path that begins with two slashes would otherwise name another host.
  const url = new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}${where}`);
  const answer = await fetch(url, { signal, redirect: 'manual' });
  await answer.body?.cancel();
  return answer.status >= 200 && answer.status < 400;
}

/** Whether a connection is accepted. */
export async function accepts(place: Place, signal: AbortSignal): Promise<boolean> {
  const socket = await open(place, signal);
  socket?.destroy();
  return socket !== undefined;
}

/** Undefined where nobody listens. */
export function open(place: Place, signal: AbortSignal): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...place, signal });
    socket.on('connect', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
  });
}
