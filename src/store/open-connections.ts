// The connections that are open, so that closing need not wait for a server that does not answer: a
// connection that says goodbye is otherwise kept until the other side has heard it.
import type { Duplex } from 'node:stream';
import type pg from 'pg';

export interface OpenConnections {
  add(client: pg.ClientBase): void;
  /** Resolves when all have ended. */
  ended(): Promise<unknown>;
  /** Ends what is open still, without a goodbye. Queries that wait for an answer fail. */
  cutOff(): void;
}

export function createOpenConnections(): OpenConnections {
  const open = new Map<pg.ClientBase, Promise<unknown>>();
  return {
    add: (client) => {
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
      open.set(
        client,
        ended.then(() => open.delete(client)),
      );
    },
    ended: () => Promise.all(open.values()),
    cutOff: () => {
      for (const client of open.keys()) streamOf(client).destroy();
    },
  };
}

/** pg has no call for this, and its types no stream. */
function streamOf(client: pg.ClientBase): Duplex {
  const { connection } = client as unknown as { readonly connection: { readonly stream: Duplex } };
  return connection.stream;
}
