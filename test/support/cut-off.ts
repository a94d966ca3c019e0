// A way to the test's PostgreSQL that can be cut and mended: a folder with a Unix socket of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConnectionParts } from '../../src/store/database.ts';

export interface CutOff extends AsyncDisposable {
  /** The same database by this way. */
  through(connection: ConnectionParts): ConnectionParts;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Lets nothing through any more, while every connection stays open. */
  freeze(): void;
  mend(): Promise<void>;
}

export async function createCutOff(): Promise<CutOff> {
  const folder = await mkdtemp(path.join(tmpdir(), 'standby-cut-'));
  const open = new Set<net.Socket>();
  let target: ConnectionParts | undefined;
  const socketOf = ({ host, port }: ConnectionParts): string => path.join(host, `.s.PGSQL.${port}`);

  const server = net.createServer((near) => {
    if (target === undefined) throw new Error('nobody asked for the way yet');
    const far = net.connect(socketOf(target));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  const mend = async (): Promise<void> => {
    const parts = { ...(target as ConnectionParts), host: folder };
    await new Promise<void>((resolve) => server.listen(socketOf(parts), resolve));
  };
  const cut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
  const freeze = (): void => {
    for (const socket of open) socket.unpipe().pause();
  };
  return {
    freeze,
    through: (connection) => {
      target = connection;
      return { ...connection, host: folder };
    },
    cut,
    mend,
    [Symbol.asyncDispose]: async () => {
      await cut();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
